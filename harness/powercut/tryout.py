# SPDX-License-Identifier: ISC
"""An engine's first steps, in a child process, which it may crash or hang without taking powercut along."""

from __future__ import annotations

import contextlib
from pathlib import Path

from powercut.child import DiedError, Send, in_child
from powercut.engine import Engine, EngineRefusedError, Facts
from powercut.errors import PowercutError
from powercut.explorer import Watch
from powercut.geometry import Geometry
from powercut.trace import DEFAULTS, EngineOptions

#: Seconds without any sign of life after which an engine counts as hanging.
HANG_SECONDS = 60.0

#: Bytes of a library that is looked at for what it is built with.
_LOOK_MAX = 1 << 28


def first_facts(
    engine: Engine,
    geometry: Geometry,
    options: EngineOptions = DEFAULTS,
    image: bytes | None = None,
    *,
    seconds: float = HANG_SECONDS,
) -> Facts:
    """What the store in ``image`` takes, or an empty one that the engine makes.

    Raises EngineRefusedError, and PowercutError where the engine ends its process or hangs (``seconds``)."""
    answers: list[Facts | tuple[str, str]] = []

    def ask() -> Facts | tuple[str, str]:
        try:
            data = engine.format(geometry, options) if image is None else image
            return engine.facts(data, geometry, options)
        except EngineRefusedError as error:
            return error.what, error.code

    try:
        in_child(lambda _, send: send(ask()), answers, seconds)
    except DiedError as died:
        what = "makes and mounts an empty store" if image is None else "mounts the image"
        raise PowercutError(
            f"{engine.name} {engine.version} {_ending(died)} where it {what} ({geometry}): {died.ending}."
        ) from died
    found = answers[0]
    if isinstance(found, Facts):
        return found
    raise EngineRefusedError(*found)


def load_engine(name: str) -> Engine:
    """Engine.load, but of a library that ends the process which loads it. Raises PowercutError then, too."""
    demand_loadable(name)
    return Engine.load(name)


def demand_loadable(name: str) -> None:
    """Loads a library once, in a child process. Raises PowercutError where that crashes or hangs; what else
    may be wrong with it is told by who loads it. What is no library is not looked at."""
    if "/" not in name or ":" in name:
        return

    def load(_: Watch, send: Send) -> None:
        with contextlib.suppress(PowercutError):
            Engine.load(name)

    try:
        in_child(load, [], HANG_SECONDS)
    except DiedError as died:
        raise PowercutError(
            f"Cannot use {name} as an engine: to load it {_ending(died)}: {died.ending}.{_hint(name)}"
        ) from died


def _hint(name: str) -> str:
    """What a library that is built with AddressSanitizer asks of the process that it is loaded in."""
    path = Path(name)
    if not path.is_file() or path.stat().st_size > _LOOK_MAX or b"__asan_init" not in path.read_bytes():
        return ""
    return (
        " It is built with AddressSanitizer, whose library must come first: "
        "LD_PRELOAD=$(cc -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0 powercut ...; "
        "see docs/adapters.md."
    )


def _ending(died: DiedError) -> str:
    return "ends the process" if died.kind == "crash" else "hangs"
