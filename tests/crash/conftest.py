# SPDX-License-Identifier: ISC
"""Engines that lie in one way each, built when a test asks for them, and the command line as a process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import planted
from powercut.cli import main

Liar = Callable[..., str]
Powercut = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def liar(tmp_path_factory: pytest.TempPathFactory) -> Liar:
    """Builds the engine plain with one of the lies of lies.h; None: plain itself, as it is."""
    folder = tmp_path_factory.mktemp("liars")
    return lambda lie: str(planted.liar(folder, lie))


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
