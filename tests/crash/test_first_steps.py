# SPDX-License-Identifier: ISC
"""An engine's first day with powercut: what is wrong with it is told in a sentence, and how to go on."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.geometry import Geometry
from powercut.source import GeneratedSource
from powercut.trace import EngineRef
from powercut.tryout import first_facts
from powercut.vocabulary import Profile

Powercut = Callable[..., "subprocess.CompletedProcess[str]"]
Liar = Callable[..., str]

ROOT = Path(__file__).resolve().parents[2]
TWIN = str(Path(__file__).parent / "twin.py")
RUN = ("run", "--traces", 1, "--ops", 4, "--seed", 1, "--jobs", 1, "--block-count", 64)

#: An engine that does nothing but go wrong where it is first called.
WRONG = """
#include "powercut.h"
#include <stdlib.h>

static int format(const struct bd *dev, const struct pc_options *options) {
    (void)dev, (void)options;
    FORMAT
    return PC_OK;
}
static int mount(const struct bd *dev, const struct pc_options *options, void **ret_store) {
    (void)dev, (void)options, (void)ret_store;
    abort();
}
static void unmount(void *store) { (void)store; }
static int apply(void *store, const struct pc_op *op, struct pc_reply *reply) {
    (void)store, (void)op, (void)reply;
    return PC_OK;
}
static int visit(void *store, pc_visit_fn fn, void *ctx) { (void)store, (void)fn, (void)ctx; return PC_OK; }
static int facts(void *store, struct pc_facts *ret_facts) { (void)store, (void)ret_facts; return PC_OK; }

const struct pc_engine *powercut_engine(void) {
    static const struct pc_engine engine = {.abi_version = PC_ABI_VERSION, .durability = PC_DURABLE_ON_RETURN,
        .name = "wrong", .version = "0", .format = format, .mount = mount, .unmount = unmount, .apply = apply,
        .visit = visit, .facts = facts};

    LOAD
    return &engine;
}
"""


@pytest.fixture
def wrong(tmp_path: Path) -> Callable[..., str]:
    """Builds WRONG with these statements in its format, and in powercut_engine()."""

    def build(formatting: str = "", load: str = "") -> str:
        source, library = tmp_path / "wrong.c", tmp_path / "libwrong.so"
        source.write_text(WRONG.replace("FORMAT", formatting).replace("LOAD", load))
        include = f"-I{ROOT / 'csrc/include'}"
        subprocess.run(
            ["cc", "-std=c11", "-fPIC", "-shared", include, str(source), "-o", str(library)], check=True
        )
        return str(library)

    return build


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


# --- engines that crash, hang, or are none ---------------------------------------------------------------


def test_an_engine_that_crashes_in_its_first_format_does_not_take_powercut_along(
    powercut: Powercut, wrong: Callable[..., str]
) -> None:
    engine = wrong(formatting="abort();")
    for command in (RUN, ("init", "suite"), ("golden", "record", "set")):
        words = sentence(powercut(*command, "--engine", engine))
        assert "wrong 0 ends the process where it makes and mounts an empty store" in words
        assert "SIGABRT" in words


def test_one_that_crashes_in_its_first_mount_is_told_likewise(
    powercut: Powercut, wrong: Callable[..., str]
) -> None:
    engine = wrong()
    assert "SIGABRT" in sentence(powercut(*RUN, "--engine", engine))
    assert "SIGABRT" in sentence(powercut("compat", "--old", engine, "--new", "skink"))


def test_one_that_hangs_in_its_first_format_is_given_up(wrong: Callable[..., str]) -> None:
    engine = Engine.load(wrong(formatting="for (volatile int i = 1; i;) {}"))
    with pytest.raises(PowercutError, match="wrong 0 hangs where it makes and mounts an empty store"):
        first_facts(engine, Geometry(16, 16, 512, 64, 0xFF), seconds=0.5)


def test_a_library_that_ends_the_process_when_it_is_loaded_is_told(
    powercut: Powercut, wrong: Callable[..., str]
) -> None:
    words = sentence(powercut(*RUN, "--engine", wrong(load="abort();")))
    assert "to load it ends the process: SIGABRT" in words


@pytest.mark.parametrize("name", [":", ":Mine", "./mine:Mine", "./folder/:Mine", ".mine:Mine"])
def test_a_name_of_another_form_is_told_with_the_form_of_one(powercut_here: Powercut, name: str) -> None:
    assert "is named ./file.py:Class or module:Class" in sentence(powercut_here(*RUN, "--engine", name))


@pytest.mark.parametrize(
    ("name", "way_out"),
    [
        ("libmine.so", "--engine ./libmine.so."),
        ("mine", "--engine ./mine.so."),
        ("./mine.py", "Name it too: ./mine.py:Class."),
    ],
)
def test_a_name_that_is_no_engine_is_told_with_the_name_that_would_be(
    powercut_here: Powercut, name: str, way_out: str
) -> None:
    assert way_out in sentence(powercut_here(*RUN, "--engine", name))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("class Mine: pass", "it has no name"),
        ("raise ValueError('no')", "mine.py, line 1"),
        ("raise SystemExit", "to load it ends the process: exit code 0"),
        ("class Mine:\n    def __init__(self): 1 / 0", "ZeroDivisionError: division by zero"),
        ("from twin import Twin\nclass Mine(Twin): capabilities = {'flying'}", "no capability 'flying'"),
        (
            "from twin import Twin\nclass Mine(Twin): capabilities = 'rename'",
            "list of texts, and are 'rename'",
        ),
        ("from twin import Twin\nclass Mine(Twin): capabilities = None", "list of texts, and are None"),
        ("from twin import Twin\nclass Mine(Twin): version = 1", "its version must be a text, and is 1"),
        (
            "from twin import Twin\nclass Mine(Twin): durability = 'never'",
            "'return' or 'sync', and is 'never'",
        ),
    ],
)
def test_what_is_wrong_with_a_python_engine_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    monkeypatch.syspath_prepend(str(Path(TWIN).parent))
    (tmp_path / "mine.py").write_text(code)
    with pytest.raises(PowercutError, match=r"^Cannot use .*mine\.py:Mine as an engine: .*\.$") as caught:
        Engine.load(f"{tmp_path}/mine.py:Mine")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        (
            "mine.c",
            b"int main(void) {}\n",
            "with `cc -O2 mine.c $(powercut cflags) -o libmine.so`, and name that",
        ),
        ("mine.rs", b"fn main() {}\n", "it is source text; make a shared library of it with its compiler"),
        ("notes.txt", b"hi\n", "it is no shared library"),
        ("mine.so", b"", "it is empty"),
        ("mine.a", b"!<arch>\n", "it is a static library"),
        ("mine.dylib", b"\xcf\xfa\xed\xfe" + bytes(60), "it is no library for this system"),
        ("cut.so", b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00", "file too short"),
    ],
)
def test_a_file_that_is_no_library_is_named_for_what_it_is(
    tmp_path: Path, name: str, data: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(PowercutError) as caught:
        Engine.load(str(path))
    assert words in str(caught.value)
    assert str(caught.value).count(name) == (2 if "cflags" in words else 1)


def test_an_object_file_is_to_be_linked(tmp_path: Path) -> None:
    (tmp_path / "mine.c").write_text("int one(void) { return 1; }\n")
    subprocess.run(["cc", "-c", "mine.c"], cwd=tmp_path, check=True)
    with pytest.raises(PowercutError, match=r"it is an object file; link it with `cc -shared`\.$"):
        Engine.load(str(tmp_path / "mine.o"))


def test_a_python_engine_may_be_several_files_and_have_any_name(powercut: Powercut, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for name in ("twin.py", "modelled.py"):
        shutil.copy(Path(TWIN).with_name(name), tmp_path / "mine" / name)
    (tmp_path / "mine" / "json.py").write_text("from twin import Twin\nclass Mine(Twin): version = '7'\n")
    done = powercut(*RUN, "--json", "--engine", "mine/json.py:Mine")
    assert (done.returncode, json.loads(done.stdout)["engine"]["version"]) == (0, "7"), done.stderr


def test_a_mistake_in_a_python_engine_is_printed_once_and_not_at_every_call(
    powercut: Powercut, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(
        f"import sys\nsys.path.insert(0, {str(Path(TWIN).parent)!r})\n"
        "from powercut.pyengine import Refused\nfrom twin import Twin\n"
        "class Mine(Twin):\n"
        "    def mount(self, device, options):\n"
        "        store = super().mount(device, options)\n"
        "        store.apply = lambda op, now: Refused('GONE')\n"
        "        return store\n"
    )
    done = powercut(*RUN, "--engine", "./mine.py:Mine")
    assert done.returncode == 1, done.stderr
    processes = 2  # the run, and that in which its trace is made small
    assert 1 <= done.stderr.count("there is no result code 'GONE'") <= processes
    (trace,) = tmp_path.glob("traces/*-answer-*.trace.json")
    explained = powercut("explain", trace, "--engine", "./mine.py:Mine")
    assert "No cut" in explained.stdout
    assert "Recovery" not in explained.stdout  # there was none


# --- what the report says --------------------------------------------------------------------------------


def last_lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done
    return done.stdout.splitlines()[-3:]


def test_a_run_says_what_it_did_not_look_at_and_how_to_have_it(powercut: Powercut) -> None:
    lines = last_lines(powercut(*RUN))
    assert lines[1] == "not looked at: torn, reorder, nested, damage, full; --kinds all asks for every kind"
    assert lines[2] == "held: no violation"


def test_kinds_that_the_engine_claims_no_device_model_for_are_not_passed_over_in_silence(
    powercut: Powercut,
) -> None:
    done = powercut(*RUN, "--engine", "ditto", "--kinds", "prefix,torn,reorder,nested,damage,full")
    assert last_lines(done)[1] == (
        "not looked at: torn, reorder; ditto claims to survive no device model: --model names one, or all"
    )
    refused = powercut(*RUN, "--engine", "ditto", "--kinds", "torn,nested")
    assert refused.returncode == 2
    assert refused.stderr == (
        "powercut: No crash state would be looked at: ditto claims to survive no device model: --model names "
        "one, or all.\n"
    )
    done = powercut(*RUN, "--engine", "ditto", "--kinds", "torn,reorder", "--model", "nor", "--json")
    assert set(json_states(done)) == {"torn"}
    done = powercut(*RUN, "--engine", "ditto", "--kinds", "torn,reorder", "--model", "nor")
    assert last_lines(done)[1:] == [
        "not looked at: reorder; nor and these devices allow none",
        "held: no violation",
    ]
    done = powercut(*RUN, "--engine", "ditto", "--kinds", "reorder", "--model", "nor")
    assert last_lines(done)[2] == "held: no violation, and no crash state to judge"


def test_the_json_says_it_as_well_with_the_reason(powercut: Powercut) -> None:
    def unseen(*arguments: object) -> list[tuple[list[str], str]]:
        told = json.loads(powercut(*RUN, *arguments, "--json").stdout)["not_looked_at"]
        assert all(one["words"].startswith(", ".join(one["kinds"])) for one in told)
        return [(one["kinds"], one["why"]) for one in told]

    assert unseen("--kinds", "all") == []
    assert unseen() == [(["torn", "reorder", "nested", "damage", "full"], "not_asked")]
    assert unseen("--engine", "ditto", "--kinds", "torn,reorder,nested,damage") == [
        (["prefix", "full"], "not_asked"),
        (["torn", "reorder", "nested"], "no_model"),  # no recovery either that could be cut
    ]
    assert unseen("--engine", "ditto", "--kinds", "torn,reorder", "--model", "nor")[1:] == [
        (["reorder"], "none_allowed")
    ]


def json_states(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    states: dict[str, object] = json.loads(done.stdout)["crash_states"]
    return states


def test_the_page_of_a_run_says_what_it_did_not_look_at(powercut: Powercut, tmp_path: Path) -> None:
    assert powercut(*RUN, "--html", "page.html").returncode == 0
    words = "Not looked at: torn, reorder, nested, damage, full; --kinds all asks for every kind."
    assert words in (tmp_path / "page.html").read_text()


def test_a_device_model_for_states_that_are_not_asked_for_is_refused(powercut_here: Powercut) -> None:
    assert "ask for them with --kinds" in sentence(powercut_here(*RUN, "--model", "nor"))


def test_recoveries_are_torn_also_where_no_other_torn_states_are_asked_for(powercut: Powercut) -> None:
    done = powercut(*RUN, "--kinds", "prefix,nested", "--nested-kinds", "torn", "--model", "nor", "--json")
    assert done.returncode == 0, done.stderr
    states = json_states(done)
    assert set(states) == {"prefix", "nested"}
    nested = states["nested"]
    assert isinstance(nested, dict)
    assert nested["nor"]["total"] > 0


def test_the_line_that_replays_a_violation_can_be_copied(
    powercut: Powercut, liar: Liar, tmp_path: Path
) -> None:
    done = powercut("run", "--engine", liar("LATE"), "--traces", 4, "--ops", 20, "--seed", 1,
                    "--save", "it's saved")  # fmt: skip
    assert done.returncode == 1, done
    line = next(line for line in done.stdout.splitlines() if "powercut replay" in line)
    words = shlex.split(line.partition(": ")[2])
    again = powercut(*words[1:])
    assert again.returncode == 1, again
    assert again.stdout.endswith("as expected\n")


def test_small_devices_have_workloads_too() -> None:
    engine = Engine.load("skink")
    geometry = Geometry(16, 16, 512, 8, 0xFF)
    profile = Profile(geometry, engine.capabilities, first_facts(engine, geometry).name_max)
    source = GeneratedSource(1, 60, (profile,), EngineRef("skink"))
    events = [engine.record(geometry, source.trace(index).operations).event_count for index in range(6)]
    assert sum(events) > 200, events  # they were 50


def test_a_closed_standard_output_is_no_defect(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", '"$0" -m powercut list kinds >&-', sys.executable],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
