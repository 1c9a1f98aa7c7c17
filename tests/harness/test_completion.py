# SPDX-License-Identifier: ISC
"""Completion, typed with the Tab key into real shells on a terminal of their own."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from powercut.cli import main

PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
NO_SHELL = "a shell is not there whose completion is tested"
START = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(powercut completion bash)"'),
    "zsh": (["zsh", "-f", "-i"], 'autoload -U compinit; compinit -u; eval "$(powercut completion zsh)"'),
    "fish": (["fish", "--no-config", "-i"], "powercut completion fish | source"),
}
SHELLS = [
    pytest.param(name, marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"{NO_SHELL}: {name}"))
    for name in START
]


class Terminal:
    """A shell on a terminal."""

    def __init__(self, shell: str, folder: Path) -> None:
        command, setup = START[shell]
        self._master, slave = pty.openpty()
        environment = os.environ | {"PATH": PATH, "PS1": "$ ", "TERM": "dumb", "HOME": str(folder)}
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            preexec_fn=lambda: os.login_tty(slave),  # noqa: PLW1509 (there is one thread)
            pass_fds=(slave,),
        )
        os.close(slave)
        self.run(setup)

    def _read(self, seconds: float) -> str:
        ready, _, _ = select.select([self._master], [], [], seconds)
        return os.read(self._master, 65536).decode(errors="replace") if ready else ""

    def until(self, pattern: str, seconds: float = 90.0) -> str:
        """What is shown until the pattern is there."""
        shown, end = "", time.monotonic() + seconds
        while not re.search(pattern, shown):
            assert time.monotonic() < end, shown
            shown += self._read(0.2)
        return shown

    def run(self, line: str) -> None:
        """Types a line, and waits for its end."""
        os.write(self._master, f"{line}; echo do''ne\n".encode())
        self.until("done")

    def complete(self, line: str, pattern: str) -> str:
        """Types a part of a line and Tab, twice so that a choice is shown; forgets the line."""
        os.write(self._master, f"{line}\t\t".encode())
        shown = self.until(pattern)
        os.write(self._master, b"\x03")
        self.run("true")
        return shown

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_commands_options_engines_models_kinds_and_traces(
    shell: str, tmp_path: Path
) -> None:
    (tmp_path / "found").mkdir()
    (tmp_path / "found/skink-x.trace.json").touch()
    terminal = Terminal(shell, tmp_path)
    try:
        terminal.complete("powercut expl", "explain")
        terminal.complete("powercut run --exhaustive-be", "--exhaustive-below")
        terminal.complete("powercut run --engine dit", "ditto")
        terminal.complete("powercut run --model virtio", "virtio-writethrough")
        terminal.complete("powercut run --kinds prefix,reor", "prefix,reorder")
        terminal.complete("powercut replay found/sk", r"found/skink-x\.trace\.json")
    finally:
        terminal.end()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("run --engine ", {"ditto", "littlefs", "skink"}),
        ("run --kinds torn,n", {"torn,nested"}),
        ("run --model disk", {"disk512", "disk4k"}),
        ("list ", {"engines", "models", "kinds"}),
        ("replay ", {"a.trace.json", "found/b.trace.json"}),
        ("replay found/", {"found/b.trace.json"}),
        ("trace show f", {"found/b.trace.json"}),
        ("completion ", {"bash", "zsh", "fish"}),
    ],
)
def test_what_is_offered(
    typed: str, offered: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "found").mkdir()
    (tmp_path / "a.trace.json").touch()
    (tmp_path / "found/b.trace.json").touch()
    *before, last = typed.split(" ")
    from click.shell_completion import ShellComplete

    from powercut.cli import cli

    monkeypatch.chdir(tmp_path)
    items = ShellComplete(cli, {}, "powercut", "_POWERCUT_COMPLETE").get_completions(before, last)
    assert {item.value for item in items} == offered


@pytest.mark.parametrize("shell", list(START))
def test_the_script_names_powercut_and_its_variable(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "_POWERCUT_COMPLETE" in capsys.readouterr().out
