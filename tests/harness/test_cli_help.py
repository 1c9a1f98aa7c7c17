# SPDX-License-Identifier: ISC
"""The help and the pages: every command and option is told, and what is shown runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from leaves import LEAVES
from powercut.cli import COMMANDS, cli, main

#: The commands that are nothing without another word.
GROUPS = sorted({name.split()[0] for name in LEAVES if " " in name})


def sections(root: Path) -> dict[str, str]:
    """Of every page in docs/: the text below each heading that begins with `powercut NAME`, by that name."""
    found: dict[str, str] = {}
    for page in sorted((root / "docs").glob("*.md")):
        for part in re.split(r"^#+ ", page.read_text(), flags=re.MULTILINE)[1:]:
            match = re.match(r"`?powercut ([a-z]+(?: [a-z]+)*)", part)
            if match:
                found[match[1]] = found.get(match[1], "") + part
    return found


@pytest.mark.parametrize("name", list(LEAVES))
def test_every_command_and_option_is_in_the_docs_and_none_that_is_not_there(root: Path, name: str) -> None:
    section = sections(root).get(name)
    assert section is not None, f"no page in docs/ has a heading `powercut {name}`"
    parameters = [param for param in LEAVES[name].params if isinstance(param, click.Option)]
    options = {text for param in parameters for text in [*param.opts, *param.secondary_opts]}
    named = set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", section))
    help_options = {"--help", "-h"}
    assert options - help_options <= named
    assert named - help_options <= options


def test_the_index_of_commands_has_all_of_them_and_leads_to_their_pages(root: Path) -> None:
    text = (root / "docs/commands.md").read_text()
    index = text[: text.index("## Exit codes")]
    for name in LEAVES:
        (page,) = re.findall(rf"(?:\[`{name}`\]\(([a-z-]+\.md)\)|(?<!\[)`{name}`)", index)
        there = (root / "docs" / (page or "commands.md")).read_text()
        assert re.search(rf"^#+ `powercut {name}\b", there, re.MULTILINE), f"{name} is not in {page}"


@pytest.mark.parametrize("name", list(LEAVES))
def test_help_ends_with_success(name: str) -> None:
    result = CliRunner().invoke(cli, [*name.split(), "--help"])
    assert result.exit_code == 0
    assert f"Usage: cli {name} " in result.output


def test_help_documents_the_exit_codes() -> None:
    result = CliRunner().invoke(cli, ["--help"])
    assert result.exit_code == 0
    for code in ("0 ", "1 ", "2 ", "130"):
        assert re.search(rf"^ +{code}", result.output, flags=re.MULTILINE)
    for name in COMMANDS:
        assert re.search(rf"^ +{name} ", result.output, flags=re.MULTILINE)


def test_the_session_in_the_docs_runs_as_shown(root: Path, tmp_path: Path) -> None:
    (session,) = re.findall(r"^```console\n(.*?)^```", (root / "docs/commands.md").read_text(), re.M | re.S)
    shown = re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]
    assert len(shown) > 5
    powercut = f"{shlex.quote(sys.executable)} -m powercut"
    for step in shown:
        line, _, expected = step.partition("\n")
        process = subprocess.run(
            ["sh", "-c", line.replace("powercut ", powercut + " ", 1)],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert process.stdout == expected, line


@pytest.mark.parametrize("words", [[], *([name] for name in GROUPS)], ids=" ".join)
def test_without_a_command_there_is_the_help_and_not_a_complaint(
    words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--help"]) == 0
    shown = capfd.readouterr()
    assert main(words) == 2
    bare = capfd.readouterr()
    assert (bare.out, bare.err) == ("", shown.out)
