# SPDX-License-Identifier: ISC
"""The pytest plugin: quiet until used; engines, markers, options, counts; failures one can act on."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
from xml.etree import ElementTree as ET

import pytest

from powercut.shrink import forked
from powercut.suite import failure
from powercut.trace import load
from suites import TOYS, summary, toy

pytest_plugins = ["pytester"]

GENERATED = """
    import pytest

    @pytest.mark.powercut(budget=2, ops=8)
    def test_generated(powercut_explorer):
        powercut_explorer.check_generated()
"""

#: A key that is set twice: where the checksum is not looked at, half of the second value shows.
OVERWRITTEN = """
    from powercut.ops import Generated, Op

    OPERATIONS = [Op("set", b"k", value=Generated(i, 300)) for i in range(2)]

    def test_overwritten(powercut_explorer):
        powercut_explorer.check(OPERATIONS)
"""


# --- quiet until used ------------------------------------------------------------------------------------


def test_a_suite_that_does_not_use_it_sees_nothing_of_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing_heavy_is_loaded():
            assert "powercut.suite.entry" in sys.modules
            heavy = {"powercut._native", "powercut.engine", "hypothesis", "sqlite3", "msgspec"}
            assert not heavy & set(sys.modules)
        """
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1)
    text = re.sub("^plugins: .*|.*_powercut_editable_loader", "", result.stdout.str(), flags=re.MULTILINE)
    assert "powercut" not in text


def test_the_plugin_can_be_left_out(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(GENERATED)
    result = pytester.runpytest_inprocess("-p", "no:powercut")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'powercut_explorer' not found*"])


def test_marker_fixtures_and_options_are_in_pytests_help(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("")
    assert "@pytest.mark.powercut(budget=..." in pytester.runpytest_inprocess("--markers").stdout.str()
    assert "--powercut-engine=ENGINE" in pytester.runpytest_inprocess("--help").stdout.str()
    fixtures = pytester.runpytest_inprocess("--fixtures").stdout.str()
    assert {"powercut_engine", "powercut_device", "powercut_explorer", "powercut_model"} <= set(
        fixtures.split()
    )


# --- engines and devices ---------------------------------------------------------------------------------


def test_each_test_runs_on_each_engine(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(powercut_engine): print('on', powercut_engine.name)")
    result = pytester.runpytest_inprocess(
        "-v", "--powercut-engine=skink", toy("Page"), "--powercut-engine=skink"
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*::test_it[[]skink[]] PASSED*", "*::test_it[[]Page[]] PASSED*"])
    chosen = pytester.runpytest_inprocess("-k", "Page", "--powercut-engine=skink", toy("Page"))
    chosen.assert_outcomes(passed=1, deselected=1)


def test_a_conftest_names_the_engines_below_it_and_the_command_line_goes_first(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest("def pytest_powercut_engines(): return ['ditto']")
    pytester.makepyfile("def test_it(powercut_engine): pass")
    assert "[ditto]" in pytester.runpytest_inprocess("-v").stdout.str()
    assert "[ditto]" not in pytester.runpytest_inprocess("-v", "--powercut-engine=skink").stdout.str()


def test_an_ini_file_names_an_engine_from_its_own_folder(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\npowercut_engine = ./mine.py:Mine\npowercut_budget = 1\npowercut_ops = 5\n")
    text = TOYS.read_text(encoding="utf-8").replace("class Careless(", "class Mine(")
    (pytester.path / "mine.py").write_text(text)
    (pytester.path / "below").mkdir()
    (pytester.path / "below/test_it.py").write_text(
        "def test_it(powercut_explorer):\n"
        "    assert powercut_explorer.engine.version == '1+careless'\n"
        "    assert (powercut_explorer.settings.budget, powercut_explorer.settings.ops) == (1, 5)\n"
    )
    result = pytester.runpytest_inprocess("--rootdir", str(pytester.path), "below", "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*test_it[[]Mine[]]*"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "*No engine is named: say --powercut-engine*"),
        (["--powercut-engine=nobody"], "*There is no built-in engine nobody*"),
        (["--powercut-engine=./nothing.so"], "*There is no engine library */nothing.so*"),
    ],
)
def test_without_an_engine_tests_fail_in_one_sentence(
    pytester: pytest.Pytester, arguments: list[str], sentence: str
) -> None:
    pytester.makepyfile(GENERATED)
    result = pytester.runpytest_inprocess(*arguments)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([sentence])
    assert "Traceback" not in result.stdout.str()


def test_several_devices_make_several_tests(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(powercut_device): print(powercut_device)")
    one = pytester.runpytest_inprocess("-v", "--powercut-device=512x64")
    assert "::test_it PASSED" in one.stdout.str()
    two = pytester.runpytest_inprocess(
        "-v", "-s", "--powercut-device=512x64", "--powercut-device=4096x16,prog=64,read=1,erase=none"
    )
    two.assert_outcomes(passed=2)
    two.stdout.fnmatch_lines(["*[[]4096x16,prog=64,read=1,erase=none[]]*"])
    assert "16 blocks of 4096 bytes, read 1, prog 64, erase none" in two.stdout.str()


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--powercut-device=512", "is no device; one is written 512x256"),
        ("--powercut-device=512x64,prog=7,read=1", "prog_size 7 does not divide block_size 512"),
        ("--powercut-kinds=prefx", "there is no kind 'prefx'; there are prefix, torn"),
        (
            "--powercut-profile=nightly2",
            "there is no profile 'nightly2'; there are quick, nightly, exhaustive",
        ),
        ("--powercut-depth=9", "depth is 9, and must be 2 to 4"),
        ("--powercut-seconds=0", "seconds is 0, and must be more than 0"),
        ("--powercut-seed=x", "seed is 'x', and must be a whole number"),
    ],
)
def test_a_wrong_option_is_told_in_words(pytester: pytest.Pytester, option: str, words: str) -> None:
    result = pytester.runpytest_inprocess(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert words in result.stderr.str()


def test_a_wrong_ini_value_names_its_file(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\npowercut_ops = many\n")
    result = pytester.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "tox.ini: ops is 'many', and must be a whole number" in result.stderr.str()


# --- the marker ------------------------------------------------------------------------------------------


def test_the_nearest_marker_goes_before_options_and_profile(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.powercut(budget=7, ops=9)
        class TestMarked:
            @pytest.mark.powercut(budget=2)
            def test_both(self, powercut_explorer):
                settings = powercut_explorer.settings
                assert (settings.budget, settings.ops, len(settings.kinds)) == (2, 9, 6)

        def test_none(powercut_explorer):
            assert (powercut_explorer.settings.budget, powercut_explorer.settings.ops) == (5, 60)
        """
    )
    pytester.runpytest_inprocess(
        toy("Page"), "--powercut-budget=5", "--powercut-profile=nightly"
    ).assert_outcomes(passed=6)  # nightly goes through three devices


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ("budgt=3", "it has no 'budgt'; it has budget, seconds"),
        ("3", "it takes names only"),
        ("kinds='prefix,tron'", "there is no kind 'tron'"),
        ("ops=0", "ops is 0, and must be 1 to"),
    ],
)
def test_a_wrong_marker_is_told_before_anything_runs(
    pytester: pytest.Pytester, marker: str, words: str
) -> None:
    pytester.makepyfile(f"import pytest\n@pytest.mark.powercut({marker})\ndef test_it(): assert False")
    result = pytester.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "::test_it: the marker powercut is wrong: " in result.stderr.str()
    assert words in result.stderr.str()


# --- counting --------------------------------------------------------------------------------------------


def test_the_summary_counts_states_by_kind_and_says_what_is_covered(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(GENERATED)
    lines = summary(pytester.runpytest_inprocess(toy("Page"), "--powercut-seed=3"))
    assert lines[0].startswith("page 1, profile quick, seed 3: 1 test, 2 traces, 16 operations, ")
    kind, device, total, judged, equal, left, word = lines[2].split()
    assert (kind, device, left, word) == ("prefix", "any", "0", "exhaustive")
    assert int(total) == int(judged) + int(equal) > 20
    assert lines[3] == (
        "crash states of these traces: exhaustive: prefix; not looked at: torn, reorder, nested, damage, full"
    )


def test_a_violation_leaves_states_and_the_summary_does_not_call_that_exhaustive(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("""
        from powercut.ops import Op, Literal
        from powercut.engine import Engine

        def test_lies(powercut_explorer):
            Engine.load("skink")
            powercut_explorer.check([Op("set", b"a", value=Literal(b"x")), Op("get", b"a")] * 3)
    """)
    text = TOYS.read_text(encoding="utf-8").replace('case "list":', 'case "get":')
    (pytester.path / "wrong.py").write_text(text)
    lines = summary(pytester.runpytest_inprocess("--powercut-engine=./wrong.py:Page"))
    assert "left, behind a violation" in lines[2]
    assert "in part: prefix; not looked at" in lines[3]


def test_the_same_seed_gives_the_same_counts_and_another_seed_others(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(GENERATED)
    runs = [
        summary(pytester.runpytest_inprocess(toy("Page"), f"--powercut-seed={seed}")) for seed in (4, 4, 5)
    ]
    assert runs[0] == runs[1] != runs[2]


def test_junit_properties_have_states_seed_and_trace(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(OVERWRITTEN)
    pytester.runpytest_inprocess(toy("Careless"), "--junitxml=out.xml")
    found = {
        one.get("name"): one.get("value")
        for one in ET.parse(pytester.path / "out.xml").getroot().iter("property")
    }
    assert found["powercut_engine"] == "page 1+careless"
    assert re.fullmatch(r"\d+/\d+", found["powercut_states_prefix"] or "")
    assert found["powercut_exhaustive_prefix"] in ("true", "false")
    assert (found["powercut_seed"] or "").isdigit()
    assert load(pytester.path / (found["powercut_trace"] or "")).expect.kind == "content"
    assert (found["powercut_replay"] or "").startswith("powercut replay traces/page-content-")


def test_workers_of_xdist_count_as_one_process_does(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.powercut(budget=2, ops=8)
        @pytest.mark.parametrize("n", range(4))
        def test_generated(powercut_explorer, n):
            powercut_explorer.check_generated()
        """
    )
    alone = pytester.runpytest_inprocess(toy("Page"), toy("Careless"))
    both = pytester.runpytest_subprocess(toy("Page"), toy("Careless"), "-n2")
    for result in (alone, both):
        result.assert_outcomes(passed=4, failed=4)
    assert len(summary(alone)) >= 9
    assert sorted(summary(alone)) == sorted(summary(both))


def test_workers_of_xdist_share_a_drawn_seed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("n", range(4))
        @pytest.mark.powercut(budget=1, ops=2)
        def test_seed(powercut_explorer, n):
            powercut_explorer.check_generated()
            print("seed", powercut_explorer.seed)
        """
    )
    result = pytester.runpytest_subprocess(toy("Page"), "-n2", "-rP", "--powercut-seed=random")
    assert len(set(re.findall(r"^seed (\d+)$", result.stdout.str(), re.MULTILINE))) == 1
    result.assert_outcomes(passed=4)


def test_the_time_is_shared_and_each_test_begins_one_trace(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("n", range(3))
        def test_generated(powercut_explorer, n):
            assert powercut_explorer.check_generated(budget=100_000, ops=5).traces >= 1
        """
    )
    result = pytester.runpytest_inprocess(toy("Page"), "--powercut-seconds=0.6")
    result.assert_outcomes(passed=3)
    lines = summary(result)
    assert any(line.startswith("not begun, for want of time: 29") for line in lines)


# --- failures --------------------------------------------------------------------------------------------


def test_a_failure_says_what_broke_and_the_line_that_replays_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(OVERWRITTEN)
    (pytester.path / "mine.py").write_text(TOYS.read_text(encoding="utf-8"))
    result = pytester.runpytest_inprocess("--powercut-engine=./mine.py:Careless")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E  *page 1+careless broke a promise: content",
            'E * Power cut after device event * during operation * (set "*" to *): the store is not *',
            'E *"k"*: expected *, found *',
            "E *operation*, on * blocks of 512 bytes, read 16, prog 16, erase 0xff:",
            'E * 0  set "*',
            "E *saved as traces/page-content-*.trace.json; see it step by step:",
        ]
    )
    assert "explorer.py" not in result.stdout.str()  # the traceback ends in the test
    (line,) = {one for one in summary(result) if one.startswith("  powercut replay")}
    assert line.endswith(" --engine ./mine.py:Careless")
    command = [sys.executable, "-m", *shlex.split(line)]
    replayed = subprocess.run(command, capture_output=True, text=True, check=False, cwd=pytester.path)
    assert replayed.returncode == 1
    assert "as expected" in replayed.stdout


def test_a_failing_trace_is_made_small(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(GENERATED)
    pytester.runpytest_inprocess(toy("Careless"), "--powercut-save=elsewhere").assert_outcomes(failed=1)
    (path,) = (pytester.path / "elsewhere").iterdir()
    assert len(load(path).operations) <= 3


@pytest.mark.parametrize(("engine", "kind"), [("Deadly", "crash"), ("Hanging", "hang")])
def test_an_engine_that_takes_its_process_with_it_fails_one_test(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, engine: str, kind: str
) -> None:
    monkeypatch.setattr(forked, "SECONDS", 0.3)
    monkeypatch.setattr(failure, "DEADLY_BUDGET", 20_000)
    pytester.makepyfile(OVERWRITTEN + "\n    def test_next(): pass\n")
    result = pytester.runpytest_inprocess(toy(engine), "--powercut-state-seconds=0.5")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines([f"E *broke a promise: {kind}"])
    (path,) = (pytester.path / "traces").iterdir()
    expect = load(path).expect
    assert (expect.kind, expect.state_seconds) == (kind, 0.5 if kind == "hang" else 0)


def test_what_a_crash_state_may_take_of_memory_is_an_option_and_is_saved(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(OVERWRITTEN + "\n    def test_next(): pass\n")
    pytester.runpytest_inprocess(toy("Greedy")).assert_outcomes(passed=2)
    result = pytester.runpytest_inprocess(toy("Greedy"), "--powercut-state-memory=256")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["E *broke a promise: crash"])
    (path,) = (pytester.path / "traces").iterdir()
    trace = load(path)
    assert (trace.expect.kind, trace.expect.state_memory, len(trace.operations)) == ("crash", 256, 1)


def test_the_marker_takes_limits_of_a_crash_state(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "    import pytest\n"
        + OVERWRITTEN.replace("def test", "@pytest.mark.powercut(state_memory=256)\n    def test", 1)
    )
    pytester.runpytest_inprocess(toy("Greedy")).assert_outcomes(failed=1)


def test_an_engine_that_ends_its_process_over_an_empty_store_fails_one_test(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(GENERATED + "\n    def test_next(): pass\n")
    result = pytester.runpytest_inprocess(toy("Stillborn"))
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        ["E *page 1+stillborn ends the process where it makes and mounts an empty store (*): SIGABRT."]
    )


@pytest.mark.parametrize(("call", "told"), [("abort()", "SIGABRT"), ("exit(0)", "exit code 0")])
def test_a_library_that_ends_the_process_that_loads_it_fails_its_tests_and_no_other(
    pytester: pytest.Pytester, call: str, told: str
) -> None:
    source = f"#include <stdlib.h>\n__attribute__((constructor)) static void begin(void) {{ {call}; }}\n"
    pytester.makefile(".c", ends=source)
    subprocess.run(["cc", "-shared", "-fPIC", "ends.c", "-o", "ends.so"], cwd=pytester.path, check=True)
    pytester.makepyfile(OVERWRITTEN + "\n    def test_next(): pass\n")
    result = pytester.runpytest_subprocess("--powercut-engine=./ends.so")
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines([f"Cannot use */ends.so as an engine: to load it ends the process: {told}."])


def test_a_python_engine_whose_module_ends_the_process_is_told(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(mine="import sys\nsys.exit(0)\n")
    pytester.makepyfile(OVERWRITTEN)
    result = pytester.runpytest_inprocess("--powercut-engine=./mine.py:Engine")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["Cannot use *mine.py:Engine as an engine: to load it ends the process: *"])


def test_what_cannot_be_is_a_sentence_and_not_where_in_powercut_it_was_found(
    pytester: pytest.Pytester,
) -> None:
    marked = "import pytest\npytestmark = pytest.mark.powercut(models=['none'])\n"
    for option, front in (("--powercut-device=512x1", ""), ("--powercut-jobs=1", marked)):
        pytester.makepyfile(f"{front}\n{textwrap.dedent(OVERWRITTEN)}")
        result = pytester.runpytest_inprocess(toy("Page"), option)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["E *PowercutError: *"])
        assert not re.search(r"^\S*powercut/\w+\.py:\d+: ", result.stdout.str(), re.MULTILINE)


def test_a_folder_that_cannot_be_written_is_told_and_the_failure_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(OVERWRITTEN)
    (pytester.path / "traces").write_text("a file")
    result = pytester.runpytest_inprocess(toy("Careless"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *broke a promise: content", "E *not saved: Cannot save the trace *"])


def test_last_failed_repeats_the_failure_with_the_seed_that_was_drawn(pytester: pytest.Pytester) -> None:
    # What is drawn need not trip the engine; the two operations behind it always do.
    pytester.makepyfile(
        f"{OVERWRITTEN}\n"
        "    def test_generated(powercut_explorer):\n"
        "        powercut_explorer.check_generated(budget=2, ops=8)\n"
        "        test_overwritten(powercut_explorer)\n"
        "\n"
        "    def test_fine(powercut_explorer): pass\n"
    )
    first = pytester.runpytest_inprocess(toy("Careless"), "--powercut-seed=random")
    first.assert_outcomes(failed=2, passed=1)
    again = pytester.runpytest_inprocess(toy("Careless"), "--powercut-seed=random", "--lf")
    again.assert_outcomes(failed=2)
    assert summary(first) == summary(again)


def test_last_failed_runs_just_what_failed_in_the_kinds_that_were_asked_for(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        f"{OVERWRITTEN}\n"
        "    def test_fine(powercut_explorer):\n"
        '        powercut_explorer.check([Op("set", b"k", value=Generated(0, 3))])\n'
    )
    kinds = "--powercut-kinds=prefix,nested"
    pytester.runpytest_inprocess(toy("Careless"), kinds).assert_outcomes(failed=1, passed=1)
    again = pytester.runpytest_inprocess(toy("Careless"), kinds, "--lf", "-v")
    again.assert_outcomes(failed=1)
    assert "test_fine" not in again.stdout.str()
    lines = summary(again)
    assert [line.split()[0] for line in lines[1:] if line.startswith("  ")][:3] == [
        "kind",
        "prefix",
        "nested",
    ]
    assert "not looked at: torn, reorder, damage, full" in again.stdout.str()


def test_an_interrupted_session_still_tells_what_was_counted(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_interrupted(powercut_explorer):
            powercut_explorer.check_generated(budget=2, ops=5)
            raise KeyboardInterrupt
        """
    )
    result = pytester.runpytest_inprocess(toy("Page"), no_reraise_ctrlc=True)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert ", 2 traces, 10 operations" in summary(result)[0]


def test_an_engine_may_run_in_pytests_own_process(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(OVERWRITTEN)
    (pytester.path / "mine.py").write_text(
        TOYS.read_text(encoding="utf-8") + "\n\nCareless.pids = pids = set()\n"
        "_mount = Page.mount\n\ndef mount(self, device, options):\n    pids.add(os.getpid())\n"
        "    return _mount(self, device, options)\n\nPage.mount = mount\n"
    )
    (pytester.path / "test_pids.py").write_text(
        "import os, sys\ndef test_pids(powercut_explorer, request):\n"
        "    powercut_explorer.check([])\n"
        "    inside = request.config.getoption('powercut_in_process')\n"
        "    assert (os.getpid() in sys.modules['mine'].pids) == inside\n"
    )
    for switch in ([], ["--powercut-in-process"]):
        pytester.runpytest_subprocess("--powercut-engine=./mine.py:Page", *switch).assert_outcomes(passed=2)


# --- the model, saved traces -----------------------------------------------------------------------------


def test_the_model_is_fresh_for_each_test_and_has_the_engines_limits(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("n", range(2))
        def test_model(powercut_model, n):
            assert powercut_model.count == 0
            assert powercut_model.apply("set", b"k" * 200, data=b"v").code == "OK"
            assert powercut_model.apply("set", b"k" * 201, data=b"v").code == "NAME_TOO_LONG"
            assert powercut_model.apply("set", b"k", data=bytes(4001)).code == "VALUE_TOO_LARGE"
        """
    )
    pytester.runpytest_inprocess(toy("Page")).assert_outcomes(passed=2)


def test_saved_traces_become_tests_once_and_run_on_the_sessions_engine(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(OVERWRITTEN)
    pytester.runpytest_inprocess(toy("Careless")).assert_outcomes(failed=1)
    arguments = [toy("Careless"), "--powercut-traces", "traces", "-v"]
    pytester.runpytest_inprocess(*arguments).assert_outcomes(passed=1)
    (pytester.path / "traces/conftest.py").write_text("from powercut.plugin import *\n")
    pytester.runpytest_inprocess(*arguments).assert_outcomes(passed=1)
    pytester.runpytest_inprocess(toy("Careless"), "traces").assert_outcomes(passed=1)
    mended = pytester.path / "mended.py"
    mended.write_text(
        TOYS.read_text(encoding="utf-8").replace("return True", "return super().believes(body, checksum)")
    )
    result = pytester.runpytest_inprocess(f"--powercut-engine={mended}:Careless", "traces")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["expected: violation (content)", "now: held", "*powercut replay --update *"])
