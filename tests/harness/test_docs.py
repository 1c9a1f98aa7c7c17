# SPDX-License-Identifier: ISC
"""The documents keep their word: what exists is in them, what they name exists, and what they show runs."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from powercut import cli
from powercut.native import ffi, lib

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "traces/README.md", "tests/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
SOURCES = ("csrc/**/*.[ch]", "harness/**/*.py", "models/**/*.py", "tests/**/*.py", "tests/c/*.[ch]")

#: A kind of violation that no enum has: what the uncut run shows, and what ends the engine's process.
OTHER_KINDS = ("answer", "no_space", "crash", "hang")

MARK = "@@ the next command @@"


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def first_cells(text: str) -> set[str]:
    """What stands in backticks in the first cell of any table row."""
    cells = re.findall(r"^\| ([^|]*) \|", text, re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


def c_text(name: object) -> str:
    made = ffi.string(name)
    assert isinstance(made, bytes)
    return made.decode()


def until_unknown(name: Callable[[int], object]) -> list[str]:
    """The names of 0, 1, 2, ... until the library knows no more."""
    names = list(itertools.takewhile(lambda text: text != "?", (c_text(name(i)) for i in range(64))))
    assert len(names) < 64
    return names


def result_codes() -> list[str]:
    return until_unknown(lambda number: lib.pc_code_name(-number))


def violation_kinds() -> list[str]:
    return until_unknown(lib.pc_violation_name)[1:]


def test_every_result_code_is_explained() -> None:
    codes = result_codes()
    assert len(codes) == 17
    assert set(codes) <= first_cells(read("docs/faults.md"))
    assert set(re.findall(r"SKINK_([A-Z_]+) = -\d+", read("csrc/include/skink.h"))) <= set(codes)


@pytest.mark.parametrize("page", ["docs/faults.md", "traces/README.md"])
def test_every_violation_kind_is_explained(page: str) -> None:
    assert len(violation_kinds()) >= 7
    assert {*violation_kinds(), *OTHER_KINDS} <= first_cells(read(page))


def test_every_exit_code_is_explained() -> None:
    rows = set(re.findall(r"^\| (\d+) \|", read("docs/commands.md"), re.MULTILINE))
    codes = (cli.HELD, cli.VIOLATION, cli.USAGE, cli.INTERRUPTED, cli.READER_GONE)
    assert rows == {str(code) for code in codes} == {str(code) for code in cli.EXITS}
    assert "1 means that the engine" in read("docs/run.md")


def test_invariants_are_numbered_without_gaps_and_the_check_cites_no_other() -> None:
    numbers = [int(number) for number in re.findall(r"^\*\*I(\d+)\. ", read("docs/invariants.md"), re.M)]
    assert numbers == list(range(1, len(numbers) + 1))
    cited = {int(number) for number in re.findall(r'"I(\d+): ', read("csrc/skink/check.c"))}
    assert cited == set(range(1, 7))
    for page in ("docs/design.md", "docs/faults.md"):
        assert {int(number) for number in re.findall(r"\bI(\d+)\b", read(page))} <= set(numbers)


def test_invariants_name_planted_bugs_that_there_are() -> None:
    planted = re.findall(r"\*Planted:\* ([\d, ]+)", read("docs/invariants.md"))
    there = {path.name.split("-")[0] for path in (ROOT / "tests/mutants").glob("*.patch")}
    assert {number for line in planted for number in re.findall(r"\d\d", line)} <= there


@pytest.mark.parametrize("page", ["docs/design.md", "docs/invariants.md", "docs/faults.md"])
def test_functions_and_files_that_a_page_names_exist(page: str) -> None:
    files = [path for pattern in SOURCES for path in ROOT.glob(pattern)]
    words = set(re.findall(r"\w+", "\n".join(path.read_text(encoding="utf-8") for path in files)))
    names = {path.name for path in files}
    for code in re.findall(r"`([^`\n]+)`", read(page)):
        for word in re.findall(r"(?<![\w./-])[a-z]+(?:_[a-z0-9]+)+(?![\w.])", code):
            assert word in words, f"{page} names {word}, which is nowhere"
        for word in re.findall(r"[\w]+\.(?:c|h|py)\b", code):
            assert word in names, f"{page} names the file {word}, which is not there"


@pytest.mark.parametrize("page", NAMES)
def test_links_resolve(page: str) -> None:
    text = re.sub(r"^```.*?^```", "", read(page), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert ((ROOT / page).parent / target).exists(), target


def test_pages_and_headings_that_sources_name_exist() -> None:
    for path in (path for pattern in SOURCES for path in ROOT.glob(pattern)):
        text = path.read_text(encoding="utf-8")
        for page, heading in re.findall(r'(docs/[a-z]+\.md)(?:, "([A-Z][^"\n]*)")?', text):
            assert (ROOT / page).is_file(), f"{path.name} names {page}"
            assert re.search(rf"^#+ {re.escape(heading)}", read(page), re.MULTILINE), (
                f"{path.name}: {heading}"
            )


def test_every_page_is_in_the_index() -> None:
    linked = set(re.findall(r"\]\(([^)]+)\)", read("docs/README.md")))
    assert {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"} <= linked


@pytest.mark.parametrize("page", NAMES)
def test_no_page_names_a_place_on_some_machine(page: str) -> None:
    assert not re.findall(r"(?<![\w.])/(?:work|tmp|root|home|opt|Users)\b", read(page))


@pytest.mark.parametrize("page", NAMES)
def test_make_targets_that_a_page_names_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    text = read(page)
    blocks = "".join(re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    shown = re.findall(r"`make ([a-z]+)", text) + re.findall(r"^(?:\$ )?make ([a-z]+)", blocks, re.MULTILINE)
    assert set(shown) <= targets


# --- what is shown, runs ---------------------------------------------------------------------------------


def sessions(page: str) -> str:
    """The `console` blocks of a page, as one."""
    return "".join(re.findall(r"^```console\n(.*?)^```", read(page), re.MULTILINE | re.DOTALL))


def shown_steps(page: str) -> list[tuple[str, list[str]]]:
    """(command, lines of output shown) in order."""
    parts = re.split(r"^\$ ", sessions(page), flags=re.MULTILINE)[1:]
    return [(line, rest.splitlines()) for line, _, rest in (part.partition("\n") for part in parts)]


def run_steps(commands: list[str], folder: Path) -> list[list[str]]:
    """What each command prints, all in one shell."""
    script = "\n".join(f"{one}\nresult=$?; echo '{MARK}'; (exit $result)" for one in commands)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    return [part.splitlines() for part in done.stdout.split(f"{MARK}\n")[:-1]]


#: What differs from one run to the next: times and rates, and nothing else.
CLOCK = (r"[\d,.]+ s, [\d,]+ crash states a second", r"\bin [\d.]+s\b", r"\bin [\d.]+ s\b")


def gist(line: str) -> str:
    """A line without what the clock says. All other figures have to be right."""
    for pattern in CLOCK:
        line = re.sub(pattern, "#", line)
    return line


@pytest.mark.slow
@pytest.mark.parametrize("page", [name for name in NAMES if name != "docs/commands.md"])
def test_what_a_page_shows_is_what_its_commands_print(page: str, tmp_path: Path) -> None:
    steps = shown_steps(page)
    if not steps:
        assert "```console" not in read(page)
        return
    (tmp_path / "docs").symlink_to(ROOT / "docs")  # as in a clone, for commands that read a page
    printed = run_steps([command for command, _ in steps], tmp_path)
    assert len(printed) == len(steps)
    for (command, shown), real in zip(steps, printed, strict=True):
        missing = {gist(line) for line in shown if line not in ("", "...")} - {gist(line) for line in real}
        assert not missing, f"$ {command}\n" + "\n".join(real)
        if command == "echo $?":
            assert shown == real


def test_the_readme_shows_a_planted_bug_being_caught() -> None:
    text = sessions("README.md")
    assert "powercut.mutants build" in text
    assert re.search(r"^violation: \w+", text, re.MULTILINE)
    assert "VIOLATED" in text
