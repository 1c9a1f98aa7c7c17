# SPDX-License-Identifier: ISC
"""docs/suites.md keeps its word: options, marker and fixtures are there, and the tests it shows pass."""

from __future__ import annotations

import re
from pathlib import Path

import hypothesis
import pytest

from powercut import machine
from powercut.fault import KINDS
from powercut.suite import entry, explorer
from powercut.suite.options import OPTIONS, SWITCHES
from powercut.suite.settings import MARKER, PROFILE_DEVICES, PROFILES, RANDOM

pytest_plugins = ["pytester"]

PAGE = (Path(__file__).resolve().parents[2] / "docs/suites.md").read_text(encoding="utf-8")

#: What is loaded here is not loaded again by each session that a test starts in this process.
LOADED = (hypothesis, machine, explorer)

#: Pieces that the shown tests leave out, since they were imported further up or are the reader's.
PREAMBLE = "from pathlib import Path\nimport pytest\n"


def cells(column: int = 0) -> list[str]:
    """What stands in backticks in a column of any table."""
    rows = [line.strip("|").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
    return [word for row in rows for word in re.findall(r"`([^`]+)`", row[column])]


def blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_every_option_is_explained_and_no_other() -> None:
    explained = {cell for cell in cells() if cell.startswith("--powercut-")}
    there = {f"--powercut-{one.name} {one.metavar}" for one in OPTIONS}
    assert explained == there | {f"--powercut-{name}" for name, _ in SWITCHES}


def test_what_the_marker_takes_is_explained() -> None:
    assert set(MARKER) <= set(cells())


def test_every_fixture_and_every_method_of_the_explorer_is_explained() -> None:
    fixtures = {name for name in vars(entry) if name.startswith("powercut_")}
    assert len(fixtures) == 4
    assert fixtures <= set(cells())
    public = {name for name in vars(explorer.Explorer) if not name.startswith("_")} - {"trace"}
    assert public <= {name.partition("(")[0] for name in cells()}


def test_the_profiles_are_as_the_page_says() -> None:
    for name, profile in PROFILES.items():
        (row,) = re.findall(rf"^\| `{name}` \| (.*) \|$", PAGE, re.MULTILINE)
        budget, ops, seed, kinds, devices = row.split(" | ")
        assert kinds == ("all" if profile.kinds == KINDS else ", ".join(profile.kinds))
        assert (int(budget), int(ops)) == (profile.budget, profile.ops)
        assert seed == ("drawn" if profile.seed == RANDOM else str(profile.seed))
        assert devices.split(",")[0] == {1: "one", 3: "three"}[len(PROFILE_DEVICES[name])]


def test_the_tests_that_the_page_shows_pass(pytester: pytest.Pytester) -> None:
    shown = [block for block in blocks() if "def test_" in block]
    assert len(shown) == 4
    for number, block in enumerate(shown):
        text = block.replace("max_examples=300", "max_examples=20").replace("budget=200", "budget=2")
        (pytester.path / f"test_shown_{number}.py").write_text(f"{PREAMBLE}{text}")
    pytester.makeconftest(
        "from hypothesis import settings\nsettings.register_profile('few', max_examples=20)\n"
        "settings.load_profile('few')\n"
    )
    result = pytester.runpytest_inprocess("--powercut-engine=skink", "--strict-markers")
    result.assert_outcomes(passed=6)


def test_the_conftest_that_the_page_shows_names_an_engine(pytester: pytest.Pytester) -> None:
    (block,) = [block for block in blocks() if "pytest_powercut_engines" in block]
    pytester.makeconftest(PREAMBLE + block)
    pytester.makepyfile("def test_it(powercut_engine): pass\ndef test_devices(powercut_device): pass")
    result = pytester.runpytest_inprocess("-v")
    result.assert_outcomes(errors=1, passed=2)
    result.stdout.fnmatch_lines(["*::test_devices[[]512x512,prog=64[]] PASSED*"])
    result.stdout.fnmatch_lines([f"*There is no engine library {pytester.path}/libmine.so*"])


def test_the_summary_that_the_page_shows_has_the_lines_of_a_real_one(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PREAMBLE + blocks()[0])
    printed = pytester.runpytest_inprocess("--powercut-engine=skink").stdout.str()
    (shown,) = re.findall(r"^```\n(skink .*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    gists = {gist(line) for line in printed.splitlines()}
    assert {gist(line) for line in shown.splitlines() if line.strip() != "..."} <= gists


def gist(line: str) -> str:
    """A line without its numbers, and without the room that they take."""
    return " ".join(re.sub(r"[\d,.]*\d", "#", line).split())
