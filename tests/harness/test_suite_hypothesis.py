# SPDX-License-Identifier: ISC
"""Hypothesis with powercut: settings and database are respected, nothing fires that is not the test's own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings

from powercut.engine import Engine
from powercut.geometry import Geometry
from powercut.ops import Op, segments
from powercut.replay import replay
from powercut.strategies import PLAIN, PLAIN_KINDS, geometries, keys, operation_lists, traces
from powercut.suite import explorer
from powercut.suite.failure import ViolationError, error_of
from powercut.trace import EngineRef, Trace, load
from suites import TOYS, toy

pytest_plugins = ["pytester"]

HEAD = """
    import time

    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st
    from hypothesis.stateful import rule, run_state_machine_as_test

    from powercut.machine import StoreMachine
    from powercut.ops import Generated, Literal, Op
    from powercut.strategies import keys, operation_lists

    SIZED = st.builds(Generated, st.integers(0, 99), st.sampled_from((1, 300, 600)))
    SETS = st.builds(Op, st.just("set"), keys(bad=False), value=SIZED)
    FAST = dict(database=None, phases=[Phase.generate])
"""

#: Profiles of Hypothesis for the sessions.
CONFTEST = """
    from hypothesis import Phase, settings
    from hypothesis.database import DirectoryBasedExampleDatabase

    here = DirectoryBasedExampleDatabase("examples")
    elsewhere = DirectoryBasedExampleDatabase("other examples")
    phases = [Phase.reuse, Phase.generate, Phase.shrink]
    settings.register_profile("search", max_examples=60, database=here, phases=phases)
    settings.register_profile("keep", max_examples=30, database=here, phases=[Phase.generate])
    settings.register_profile("reuse", database=here, phases=[Phase.reuse])
    settings.register_profile("elsewhere", database=elsewhere, phases=[Phase.reuse])
    settings.register_profile("seven", max_examples=7, database=None, phases=[Phase.generate])
"""


def run(pytester: pytest.Pytester, text: str, *arguments: str) -> pytest.RunResult:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(HEAD + text)
    if not any("--hypothesis-profile" in one for one in arguments):  # of the session before
        arguments = ("--hypothesis-profile=default", *arguments)
    return pytester.runpytest_inprocess("--powercut-device=512x16", *arguments)


FAILS = """
    @given(operations=st.lists(SETS, max_size=3))
    def test_it(powercut_explorer, operations):
        powercut_explorer.check(operations)
"""


def test_a_failing_example_is_saved_once_and_small_with_the_line_that_replays_it(
    pytester: pytest.Pytester,
) -> None:
    result = run(pytester, FAILS, toy("Careless"), "--hypothesis-profile=search")
    result.assert_outcomes(failed=1)
    (path,) = (pytester.path / "traces").iterdir()
    assert len(load(path).operations) <= 2
    result.stdout.fnmatch_lines(
        [
            "E *page 1+careless broke a promise: *",
            f"E *saved as traces/{path.name}; see it step by step:",
            f"E *powercut replay traces/{path.name} --engine *",
            "E *Failing test case: test_it(*",
        ]
    )
    assert "Flaky" not in result.stdout.str()
    assert not re.search(r"explorer\.py:\d+: ", result.stdout.str())  # the traceback ends in the test


def test_the_example_database_brings_the_failure_back_first(pytester: pytest.Pytester) -> None:
    profile = "--hypothesis-profile"
    run(pytester, FAILS, toy("Careless"), profile, "search").assert_outcomes(failed=1)
    run(pytester, FAILS, toy("Careless"), profile, "elsewhere").assert_outcomes(skipped=1)
    run(pytester, FAILS, toy("Careless"), profile, "reuse").assert_outcomes(failed=1)


def test_the_users_settings_say_how_many_examples(pytester: pytest.Pytester) -> None:
    result = run(pytester, FAILS, toy("Page"), "--hypothesis-profile=seven")
    result.assert_outcomes(passed=1)
    assert "1 test, 7 traces" in result.stdout.str()


def test_the_time_that_powercut_takes_is_not_held_against_the_deadline(pytester: pytest.Pytester) -> None:
    """The engine takes 0.3 seconds for each run, Hypothesis's deadline is 0.2."""
    text = """
    @settings(max_examples=3, deadline=200, **FAST)
    @given(operations=operation_lists(max_size=3))
    def test_slow_engine(powercut_explorer, operations):
        powercut_explorer.check(operations)

    @settings(max_examples=3, deadline=200, **FAST)
    @given(operations=operation_lists(max_size=3))
    def test_slow_test(powercut_explorer, operations):
        powercut_explorer.check(operations)
        time.sleep(0.35)
"""
    result = run(pytester, text, toy("Slow"))
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*DeadlineExceeded*", "FAILED *::test_slow_test*"])
    assert "FailedHealthCheck" not in result.stdout.str()


def test_statistics_tell_the_crash_states_and_the_aim(pytester: pytest.Pytester) -> None:
    text = """
    @settings(max_examples=10, **FAST)
    @given(data=st.data())
    def test_it(powercut_explorer, data):
        powercut_explorer.check(data.draw(powercut_explorer.strategy(6)), aim=True)
"""
    result = run(pytester, text, toy("Page"), "--hypothesis-show-statistics")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["*powercut: crash states of an example: 4 to 7*", "*powercut: device events*"]
    )


def test_the_state_machine_takes_rules_of_ones_own_and_its_failure_is_saved(
    pytester: pytest.Pytester,
) -> None:
    text = """
    class Mine(StoreMachine):
        @rule()
        def replace(self):
            self.do(Op("set", b"mine", value=Literal(b"long" * 70)))
            self.do(Op("set", b"mine", value=Literal(b"another" * 60)))

    def test_it(powercut_explorer):
        run_state_machine_as_test(
            powercut_explorer.machine(Mine), settings=settings(max_examples=20, stateful_step_count=6, **FAST)
        )
"""
    run(pytester, text, toy("Page")).assert_outcomes(passed=1)
    result = run(pytester, text, toy("Careless"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*state = Mine()", "*state.teardown()", "*saved as traces/page-*"])


GIVEN = """
    @settings(max_examples=60, **FAST)
    @given(operations=st.lists(SETS, min_size=1, max_size=3))
    def test_it(powercut_explorer, operations):
        powercut_explorer.check(operations)
"""

MINE = """
    class Mine(StoreMachine):
        @rule(value=st.builds(Generated, st.integers(0, 99), st.just(500)))
        def overwrite_mine(self, value):
            self.do(Op("set", b"mine", value=value))
"""

MACHINE = (
    MINE
    + """
    def test_it(powercut_explorer):
        run_state_machine_as_test(
            powercut_explorer.machine(Mine), settings=settings(max_examples=40, stateful_step_count=6, **FAST)
        )
"""
)


@pytest.mark.parametrize(("kind", "model"), [("torn", "nor"), ("reorder", "disk512")])
@pytest.mark.parametrize("text", [GIVEN, MACHINE], ids=["given", "machine"])
def test_a_planted_bug_is_found_where_writes_are_torn_or_lost_and_its_trace_is_small(
    pytester: pytest.Pytester, text: str, kind: str, model: str
) -> None:
    """The engine holds wherever power goes between two writes."""
    options = [toy("Trusting"), "--hypothesis-seed=1", f"--powercut-model={model}"]
    run(pytester, text, *options, "--powercut-kinds=prefix").assert_outcomes(passed=1)
    result = run(pytester, text, *options, f"--powercut-kinds={kind}")
    result.assert_outcomes(failed=1)
    (path,) = (pytester.path / "traces").iterdir()
    trace = load(path)
    assert trace.fault is not None
    assert (trace.fault.kind, trace.fault.model, trace.expect.claimed) == (kind, model, True)
    assert len(trace.operations) <= 2
    result.stdout.fnmatch_lines([f"E *powercut replay traces/{path.name} --engine *toys.py:Trusting"])
    replayed = replay(trace, f"{TOYS}:Trusting", isolated=False)
    assert (replayed.expected, replayed.kind, replayed.gone) == (True, trace.expect.kind, False)


def test_a_machines_failure_comes_back_out_of_the_example_database(pytester: pytest.Pytester) -> None:
    text = (
        MINE
        + """
    def test_it(powercut_explorer):
        run_state_machine_as_test(powercut_explorer.machine(Mine))
"""
    )
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(HEAD + text)
    options = ("--powercut-device=512x16", toy("Careless"))
    for profile, outcome in (("keep", "failed"), ("reuse", "failed"), ("elsewhere", "skipped")):
        result = pytester.runpytest_subprocess(*options, f"--hypothesis-profile={profile}")
        result.assert_outcomes(**{outcome: 1})


def test_a_machines_own_settings_hold(pytester: pytest.Pytester) -> None:
    text = (
        MINE
        + """
    Mine.TestCase.settings = settings(max_examples=4, stateful_step_count=3, **FAST)

    def test_it(powercut_explorer):
        run_state_machine_as_test(powercut_explorer.machine(Mine))
"""
    )
    result = run(pytester, text, toy("Page"))
    result.assert_outcomes(passed=1)
    assert re.search(r": 1 test, [45] traces, ", result.stdout.str())


def test_a_machine_without_an_engine_says_how_it_gets_one(pytester: pytest.Pytester) -> None:
    result = run(pytester, MINE + "\n    TestMine = Mine.TestCase\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *Mine is bound to no engine: run powercut_explorer.machine(Mine) in *"])


def test_strategies_are_made_once_and_the_engine_is_asked_once() -> None:
    """What is made anew for each example is slow to draw from: that is a health check of Hypothesis's."""
    engine = Engine.load(f"{TOYS}:Page")
    asked = explorer.Explorer(engine, Geometry(16, 16, 512, 16, 0xFF))
    assert asked.strategy(5) is asked.strategy(5)
    assert asked.strategy(5) is not asked.strategy(6)
    assert keys() is keys()
    assert keys() is not keys(bad=False)
    assert asked.profile() == asked.profile()
    assert list(asked._facts) == [asked.device]


def test_a_machine_asks_an_engine_without_dictionaries_for_flat_keys_only(pytester: pytest.Pytester) -> None:
    text = """
    from powercut.ops import segments

    class Watched(StoreMachine):
        def do(self, op):
            assert len(segments(op.key)) <= 1
            assert op.kind in ("set", "remove", "get", "exists", "size", "list")
            super().do(op)

    def test_it(powercut_explorer):
        run_state_machine_as_test(
            powercut_explorer.machine(Watched),
            settings=settings(max_examples=15, stateful_step_count=10, **FAST),
        )
"""
    run(pytester, text, toy("Page")).assert_outcomes(passed=1)


def test_without_pytest_a_machine_reports_and_saves_the_same(tmp_path: Path) -> None:
    script = f"""
from hypothesis import Phase, settings
from hypothesis.stateful import initialize, run_state_machine_as_test
from powercut.engine import Engine
from powercut.geometry import Geometry
from powercut.machine import store_machine
from powercut.ops import Generated, Op
from powercut.vocabulary import Profile
engine = Engine.load({str(TOYS) + ":Careless"!r})

class Overwriting(store_machine(engine, Profile(Geometry(16, 16, 512, 16, 0xFF), engine.capabilities, 16))):
    @initialize()
    def write_twice(self):
        for seed in range(2):
            self.do(Op("set", b"k", value=Generated(seed, 300)))

try:
    run_state_machine_as_test(
        Overwriting, settings=settings(max_examples=2, derandomize=True, phases=[Phase.generate])
    )
except AssertionError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert re.search(r"^  powercut replay traces/page-\w+-\w+\.trace\.json --engine ", done.stdout, re.M)
    assert len(list((tmp_path / "traces").iterdir())) == 1


def test_each_kind_of_violation_is_an_exception_of_its_own() -> None:
    assert error_of("lost_write") is error_of("lost_write")
    assert error_of("lost_write") is not error_of("mount")
    assert error_of("lost_write").__name__ == "LostWriteViolationError"
    assert issubclass(error_of("mount"), ViolationError)
    assert issubclass(ViolationError, AssertionError)


@given(operation_lists())
def test_without_a_profile_only_what_every_engine_can_do_is_asked(made: list[Op]) -> None:
    assert {op.kind for op in made} <= set(PLAIN_KINDS)
    assert all(len(segments(op.key)) <= 1 for op in made)


@given(geometries())
def test_drawn_devices_can_be(device: Geometry) -> None:
    assert device.problem() is None
    assert device.block_count >= 8
    assert device.size <= 1 << 17


@settings(max_examples=30)
@given(traces(EngineRef("ditto"), geometries=geometries(block_sizes=(512,))))
def test_traces_of_drawn_devices_ask_for_what_every_engine_can_do(trace: Trace) -> None:
    assert trace.geometry.block_size == 512
    assert {op.kind for op in trace.operations} <= set(PLAIN_KINDS)
    assert PLAIN.capabilities == frozenset()
