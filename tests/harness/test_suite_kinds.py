# SPDX-License-Identifier: ISC
"""The pytest plugin: kinds of crash state, device models, claims, profiles."""

from __future__ import annotations

import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from powercut.suite.settings import PROFILE_DEVICES, PROFILES
from powercut.trace import load
from suites import TOYS, summary, toy

pytest_plugins = ["pytester"]

#: What is written in one prog: whole, or not at all, unless the device tears it.
SMALL = """
    import pytest

    from powercut.ops import Literal, Op

    @pytest.mark.powercut(kinds="prefix,torn", models=["nor"])
    def test_small(powercut_explorer):
        powercut_explorer.check([Op("set", b"k", value=Literal(text)) for text in (b"one", b"two")])
"""


def test_torn_writes_are_looked_at_and_what_is_not_claimed_is_told_apart(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SMALL)
    result = pytester.runpytest_inprocess(toy("Careless"), "--powercut-device=512x16")
    result.assert_outcomes(passed=1)
    lines = summary(result)
    assert lines[3].split()[:2] == ["torn", "nor"]
    assert lines[4].endswith("in part: torn; not looked at: reorder, nested, damage, full")
    assert lines[5].startswith("not claimed: 1 trace fails where")


def test_the_marker_says_how_many_cuts_in_a_row(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from powercut.ops import Literal, Op

        @pytest.mark.parametrize(
            "depth", [pytest.param(n, marks=pytest.mark.powercut(kinds="nested", depth=n)) for n in (2, 3)]
        )
        def test_depth(powercut_explorer, depth, record_property):
            verdict = powercut_explorer.check([Op("set", b"k", value=Literal(b"v"))])
            record_property("nested", verdict.counts["", "nested"].total)
        """
    )
    result = pytester.runpytest_inprocess(toy("Page"), "--powercut-device=512x16", "--junitxml=out.xml")
    result.assert_outcomes(passed=2)
    two, three = (
        int(one.get("value") or 0)
        for one in ET.parse(pytester.path / "out.xml").getroot().iter("property")
        if one.get("name") == "nested"
    )
    assert 0 < two < three


def test_a_test_may_have_less_time_than_its_budget_takes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.powercut(budget=100_000, ops=5, seconds=0.2)
        def test_generated(powercut_explorer):
            assert 1 <= powercut_explorer.check_generated().traces < 100_000
        """
    )
    result = pytester.runpytest_inprocess(toy("Page"))
    result.assert_outcomes(passed=1)
    assert any(line.startswith("not begun, for want of time: 9") for line in summary(result))


@pytest.mark.parametrize("name", ["quick", "nightly", "exhaustive"])
def test_a_profile_says_what_is_explored_and_an_option_goes_before_it(
    pytester: pytest.Pytester, name: str
) -> None:
    profile = PROFILES[name]
    pytester.makepyfile(
        f"""
        def test_it(powercut_explorer):
            settings = powercut_explorer.settings
            assert (settings.profile, settings.ops, settings.samples) == {name, profile.ops, profile.samples}
            assert settings.kinds == {profile.kinds}
            assert settings.budget == 3
        """
    )
    result = pytester.runpytest_inprocess(toy("Page"), f"--powercut-profile={name}", "--powercut-budget=3")
    result.assert_outcomes(passed=len(PROFILE_DEVICES[name]))
    result.stdout.fnmatch_lines([f"powercut: profile {name}, seed *"])


def test_strict_fails_what_is_not_claimed_and_saves_the_torn_state(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SMALL)
    result = pytester.runpytest_inprocess(toy("Careless"), "--powercut-device=512x16", "--powercut-strict")
    result.assert_outcomes(failed=1)
    (path,) = (pytester.path / "traces").iterdir()
    trace = load(path)
    assert trace.fault is not None
    assert (trace.fault.kind, trace.fault.model) == ("torn", "nor")
    assert trace.fault.cuts[0].tear is not None
    command = [sys.executable, "-m", "powercut", "replay", str(path), "--engine", f"{TOYS}:Careless"]
    replayed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert replayed.returncode == 1, replayed.stderr
    assert "as expected" in replayed.stdout


def test_an_engine_that_is_right_holds_in_every_kind(pytester: pytest.Pytester) -> None:
    both = SMALL.replace("prefix,torn", "prefix,torn,nested,damage") + SMALL.replace(
        "prefix,torn", "full"
    ).replace("test_small", "test_full")
    pytester.makepyfile(both)
    result = pytester.runpytest_inprocess(toy("Page"), "--powercut-device=512x16")
    result.assert_outcomes(passed=2)
    kinds = [line.split()[0] for line in summary(result)[2:] if line.startswith("  ")]
    assert list(dict.fromkeys(kinds)) == ["prefix", "torn", "nested", "damage", "full"]


def test_a_device_model_of_ones_own_comes_out_of_a_file(pytester: pytest.Pytester) -> None:
    (pytester.path / "mine.toml").write_text('[model.mine]\nprog_unit = 64\nprog_tears = ["first"]\n')
    pytester.makepyfile(SMALL.replace('"nor"', '"mine"'))
    options = [toy("Page"), "--powercut-device=512x16"]
    result = pytester.runpytest_inprocess(*options, "--powercut-models=mine.toml")
    result.assert_outcomes(passed=1)
    assert any(line.split()[:2] == ["torn", "mine"] for line in summary(result))
    unknown = pytester.runpytest_inprocess(*options)
    unknown.assert_outcomes(failed=1)
    unknown.stdout.fnmatch_lines(["E *There is no device model 'mine'; there are nor, nand, *"])


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--powercut-model=nor,mine", "ERROR: There is no device model 'mine'; there are nor, nand, *"),
        ("--powercut-models=absent.toml", "ERROR: *absent.toml*"),
    ],
)
def test_a_model_that_there_is_not_ends_the_session_before_any_test(
    pytester: pytest.Pytester, option: str, words: str
) -> None:
    pytester.makepyfile(SMALL)
    result = pytester.runpytest_subprocess(toy("Page"), option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([words])
    assert "Traceback" not in result.stderr.str()


def test_a_claim_that_means_nothing_is_a_warning_told_once(pytester: pytest.Pytester) -> None:
    (pytester.path / "mine.toml").write_text('[model.mine]\nprog_unit = 64\nprog_tears = ["first"]\n')
    pytester.makepyfile(SMALL + SMALL.replace("small", "again"))
    options = [toy("Boastful"), "--powercut-device=512x16", "--powercut-models=mine.toml"]
    for more in ([], ["-n1"]):
        result = pytester.runpytest_inprocess(*options, *more)
        result.assert_outcomes(passed=2)
        result.stdout.fnmatch_lines(
            ["*PowercutWarning: page claims to survive 'disk51', which means nothing here: claims are nor, *"]
        )
        assert result.stdout.str().count("means nothing") == 1
        assert "with --powercut-models." in result.stdout.str()
    unknown = pytester.runpytest_inprocess(*options[:2])
    assert unknown.stdout.str().count("means nothing") == 2


def test_no_warning_comes_where_every_claim_is_known(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SMALL)
    result = pytester.runpytest_inprocess(
        toy("Trusting"), "--powercut-device=512x16", "-Werror::powercut.errors.PowercutWarning"
    )
    assert not result.parseoutcomes().get("errors")
    assert "PowercutWarning" not in result.stdout.str()
