# SPDX-License-Identifier: ISC
"""--help: every argument, option and exit code is told, and every example is right and, where quick, runs."""

from __future__ import annotations

import glob
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from leaves import LEAVES
from powercut.cli import cli, main
from powercut.cli.command import Command
from powercut.native import engine_path

PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
#: What ends a command in an example's line.
ENDS = {"|", ">", ">>", "2>", "&&"}

MAKE_FOLDER = """
set -e
powercut format disk.img --block-size 512 --block-count 64
cp disk.img before.img
echo hello | powercut put disk.img etc/motd --time 20780:0
cp disk.img after.img
printf icon > icon.bin
powercut attr set disk.img etc/motd 1 icon.bin
powercut attr set disk.img etc/motd 7 icon.bin
cp disk.img kept.img
mkdir build corpus
cp "$ENGINE" libmine.so
for number in 1 2 3; do cp "$ENGINE" build/$number.so; done
powercut corpus pack traces/NAME.trace.json --to corpus
powercut golden record golden/mine --engine ditto --block-size 512 --block-count 64 --images 2
"""


def own(name: str) -> Command:
    leaf = LEAVES[name]
    assert isinstance(leaf, Command), f"powercut {name} is not of the class Command"
    return leaf


def words_of(line: str) -> list[str]:
    """The arguments of the one call of powercut in an example's line."""
    inner = re.search(r"\$\((powercut [^)]*)\)", line)
    words = shlex.split(inner[1] if inner else line)
    start = words.index("powercut") + 1
    rest = words[start:]
    return rest[: next((at for at, word in enumerate(rest) if word in ENDS), len(rest))]


@pytest.mark.parametrize("name", list(LEAVES))
def test_every_command_has_examples_that_are_right(name: str) -> None:
    command = own(name)
    lines = command.examples + command.slow
    assert lines
    for line in lines:
        group: click.Command = cli
        context = click.Context(cli, info_name="powercut")
        rest = words_of(line)
        for word in name.split():
            assert rest.pop(0) == word, line
            assert isinstance(group, click.Group)
            found = group.get_command(context, word)
            assert found is not None
            group = found
        command.make_context(name, rest, parent=context)  # a wrong option or value is an error


@pytest.mark.parametrize("name", list(LEAVES))
def test_help_tells_every_argument_option_default_example_and_exit_code(name: str) -> None:
    command = own(name)
    text = " ".join(CliRunner().invoke(cli, [*name.split(), "--help"]).output.split())
    arguments = [param for param in command.params if isinstance(param, click.Argument)]
    shown = {(param.metavar or param.name or "").strip("[]").upper() for param in arguments}
    assert shown == set(command.arguments)
    for option in (param for param in command.params if isinstance(param, click.Option)):
        assert option.help, f"{option.opts[0]} of powercut {name} has no help"
    for line in command.examples + command.slow:
        assert " ".join(line.split()) in text
    assert re.search(r"Exit codes: 0 .* 2 bad usage.* 130 interrupted", text)


@pytest.fixture(scope="module")
def folder(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that the examples name."""
    where = tmp_path_factory.mktemp("examples")
    (where / "traces").mkdir()
    saved = (root / "traces/mutant-move-not-pending.trace.json").read_bytes()
    for name in ("traces/NAME", "before", "after"):
        (where / f"{name}.trace.json").write_bytes(saved)
    environment = os.environ | {"PATH": PATH, "ENGINE": str(engine_path("ditto"))}
    subprocess.run(["sh", "-c", MAKE_FOLDER], cwd=where, env=environment, check=True, capture_output=True)
    return where


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in LEAVES if own(name).examples])
def test_the_examples_that_are_quick_run(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    Path("disk.img").write_bytes(Path("kept.img").read_bytes())
    for line in own(name).examples:
        if "jq" in line:  # which is not everywhere
            continue
        if ENDS & set(line.split()) or "$(" in line:
            shell = subprocess.run(
                ["bash", "-c", line], env=os.environ | {"PATH": PATH}, check=False, capture_output=True
            )
            code, told = shell.returncode, shell.stderr.decode()
        else:
            code, told = main(expanded(words_of(line))), capfd.readouterr().err
        assert code in own(name).exits, line
        assert code in (0, 1), f"{line}: {told}"


def expanded(words: list[str]) -> list[str]:
    """As a shell would, of words with a * in them."""
    return [path for word in words for path in (sorted(glob.glob(word)) if "*" in word else [word])]  # noqa: PTH207


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rnu", "There is no command rnu (is run meant?); see `powercut --help`."),
        ("golden chek x", "There is no command chek (is check meant?); see `powercut golden --help`."),
        ("ls --josn x", "There is no option --josn (is --json meant?); see `powercut ls --help`."),
        ("run --ops x", "Invalid value for '--ops': 'x' is not a whole number; see `powercut run --help`."),
        ("ls", "Missing argument 'IMAGE'; see `powercut ls --help`."),
    ],
)
def test_what_is_mistyped_gets_one_sentence_with_the_way_out(
    line: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 2
    assert capfd.readouterr() == ("", f"powercut: {words}\n")
