# SPDX-License-Identifier: ISC
"""Engines with a known mistake, by the version that a trace names: a bug in skink, or a lie of plain's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from powercut import mutants

HERE = Path(__file__).resolve().parent
CSRC = HERE.parents[1] / "csrc"
#: What the builds of mutants share.
OBJECTS = HERE.parents[1] / "build" / "objects"


def liar(folder: Path, lie: str | None) -> Path:
    """The engine plain with one of the lies of lies.h, built in ``folder``; None: plain itself, as it is."""
    library = folder / f"{lie}.so"
    if not library.exists():
        flags = ["-include", str(HERE / "lies.h"), f"-DLIE_NAME={lie}"] if lie else []
        front = [HERE / "liar.c"] if lie else []
        _build(library, [*front, *sorted(HERE.glob("plain/*.c"))], flags)
    return library


def deadly(folder: Path, way: str, place: str, *flags: str) -> Path:
    """The engine plain with a way of ending its process in a place, both of deadly.c, built in ``folder``."""
    library = folder / f"{way}-{place}.so"
    if not library.exists():
        named = ["-Dpowercut_engine=honest_engine", f"-DWAY={way}", f"-DPLACE={place}", *flags]
        _build(library, [HERE / "deadly.c", *sorted(HERE.glob("plain/*.c"))], named)
    return library


def early(folder: Path, lie: str | None) -> Path:
    """The engine of early.c, with one of its lies or without, built in ``folder``."""
    library = folder / f"early-{lie}.so"
    if not library.exists():
        named = ["-Dpowercut_engine=plain_engine", *([f"-DEARLY_LIE={lie}"] if lie else [])]
        _build(
            library, [HERE / "early.c", *(HERE / "plain" / name for name in ("ops.c", "records.c"))], named
        )
    return library


def _build(library: Path, sources: list[Path], flags: list[str]) -> None:
    command = [os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", f"-I{CSRC / 'include'}", f"-I{HERE}"]
    sources = [*sources, CSRC / "blockdev" / "device.c"]
    subprocess.run([*command, *flags, *map(str, sources), "-o", str(library)], check=True)


def mutant(folder: Path, name: str) -> Path:
    """skink with a planted bug of tests/mutants, built in ``folder``."""
    library = folder / f"{name}.so"
    if not library.exists():
        (planted,) = mutants.load_mutants([name])
        mutants.build(planted, folder, OBJECTS)
    return library


def engine_of(folder: Path, name: str, version: str) -> Path | None:
    """The engine that a trace names, built in ``folder``; None: it has no mistake that is known."""
    _, plus, what = version.partition("+")
    if not plus:
        return None
    return liar(folder, what) if name == "plain" else mutant(folder, what)
