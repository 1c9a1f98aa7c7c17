# SPDX-License-Identifier: ISC
"""Engines that lie in one way each, built when a test asks for them, and the command line as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from powercut.cli import main

HERE = Path(__file__).resolve().parent
CSRC = HERE.parents[1] / "csrc"

Liar = Callable[..., str]
Powercut = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def liar(tmp_path_factory: pytest.TempPathFactory) -> Liar:
    """Builds the library of an engine with one lie: a number of liar.c's, or one of ditto's by name."""
    folder = tmp_path_factory.mktemp("liars")

    def build(lie: int | str) -> str:
        library = folder / f"liar-{lie}.so"
        if not library.exists():
            named = ["-include", str(HERE / "lies.h"), f"-DDITTO_LIE_NAME={lie}"]
            define = named if isinstance(lie, str) else [f"-DLIE={lie}"]
            parts = [*CSRC.glob("engines/ditto/*.c"), *CSRC.glob("blockdev/*.c")]
            sources = [str(HERE / "liar.c"), *sorted(map(str, parts))]
            command = [os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", *define]
            include = [f"-I{CSRC / 'include'}", f"-I{CSRC / 'blockdev'}"]
            subprocess.run([*command, *include, *sources, "-o", str(library), "-lpthread"], check=True)
        return str(library)

    return build


@pytest.fixture
def powercut_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Powercut:
    """The same in this process, for what does not come to run anything: quicker."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(tmp_path)
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, code, out, err)

    return run


@pytest.fixture
def powercut(tmp_path: Path) -> Powercut:
    """Runs the command line in a folder of its own; the result holds exit code, standard output and error."""

    def run(*arguments: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "powercut", *map(str, arguments)]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=timeout
        )

    return run
