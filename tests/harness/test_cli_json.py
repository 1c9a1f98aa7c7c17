# SPDX-License-Identifier: ISC
"""--json: one object for every command, as docs/json.schema.json says, and nothing else on stdout."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest

from leaves import LEAVES
from powercut.cli import COMMANDS, cli, main

POWERCUT = (sys.executable, "-m", "powercut")
TELLING = sorted(name for name, leaf in LEAVES.items() if any(p.name == "as_json" for p in leaf.params))

#: One that answers is enough for each command: the folder has disk.img, before.img, after.img, x.trace.json.
ASKED = {
    "attr list": "attr list disk.img etc/motd",
    "bench crash": "bench crash --engine ditto --parts questions --block-sizes 512 --seconds 0.01",
    "bench engine": "bench engine --rows create --keys 10 --rounds 1 --block-sizes 512",
    "cflags": "cflags",
    "check": "check disk.img --repair -o repaired.img",
    "compat": "compat --old ditto --new ditto --workload values --traces 0 --bases 1 --block-size 512",
    "corpus pack": "corpus pack x.trace.json --to corpus",
    "corpus unpack": "corpus unpack inputs --to unpacked",
    "explain": "explain x.trace.json",
    "golden check": "golden check golden --jobs 1",
    "golden extract": "golden extract golden",
    "golden show": "golden show golden",
    "golden record": "golden record new --engine ditto --block-size 512 --block-count 64 --images 2",
    "image diff": "image diff before.img after.img",
    "init": "init suite --engine ditto",
    "list engines": "list engines",
    "list kinds": "list kinds",
    "list models": "list models",
    "ls": "ls -R disk.img",
    "parse": "parse disk.img",
    "replay": "replay x.trace.json x.trace.json",
    "trace bisect": "trace bisect x.trace.json ditto skink",
    "trace diff": "trace diff x.trace.json y.trace.json",
    "trace show": "trace show x.trace.json",
    "trace upgrade": "trace upgrade x.trace.json",
    "run": "run --engine ditto --traces 2 --ops 4 --seed 1 --kinds all --block-size 512 --block-count 16",
}

#: Has to build a fuzzer first: see test_what_fuzz_tells_follows_the_schema in ../crash/test_fuzz.py.
UNASKED = {"fuzz"}

#: Fields in which the clock is seen, and nothing else.
RATES = {"seconds", "states_per_second"}


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[[str], Done]


@pytest.fixture(scope="module")
def schema(json_schema: jsonschema.Draft202012Validator) -> jsonschema.Draft202012Validator:
    return json_schema


@pytest.fixture(scope="module")
def folder(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Something of each kind that a command takes."""
    where = tmp_path_factory.mktemp("json")
    for name, saved in (("x", "mutant-move-not-pending"), ("y", "mutant-tail-not-relinked")):
        (where / f"{name}.trace.json").write_bytes((root / f"traces/{saved}.trace.json").read_bytes())
    script = """
        set -e
        powercut format disk.img --block-size 512 --block-count 32
        cp disk.img before.img
        echo hello | powercut put disk.img etc/motd --time 20780:0
        cp disk.img after.img
        printf text | powercut attr set disk.img etc/motd 1
        powercut corpus pack x.trace.json --to inputs
        powercut golden record golden --engine ditto --block-size 512 --block-count 64 --images 2
    """
    bin_folder = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", script], cwd=where, env=environment, check=True, capture_output=True)
    return where


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(folder)

    def once(line: str) -> Done:
        code = main([*line.split(), "--json"])
        return Done(code, *capfd.readouterr())

    return once


def open_objects(node: Any, where: str) -> list[str]:
    """Objects and arrays of a schema that take what nobody named; a command's own fields are closed at the
    root, by what was looked at there (`unevaluatedProperties`)."""
    if isinstance(node, list):
        return [one for index, item in enumerate(node) for one in open_objects(item, f"{where}/{index}")]
    if not isinstance(node, dict):
        return []
    found = [where] if node == {} or (node.get("type") == "array" and "items" not in node) else []
    closed = "additionalProperties" in node or "unevaluatedProperties" in node
    if node.get("type") == "object" and (not closed or node.get("additionalProperties") is True):
        found.append(where)
    return found + [one for name, item in node.items() for one in open_objects(item, f"{where}/{name}")]


def test_the_schema_names_all_that_may_be_there(schema: jsonschema.Draft202012Validator) -> None:
    assert open_objects(schema.schema, "") == []
    good = {
        "command": "cflags",
        "powercut": "0",
        "json": 1,
        "exit": 0,
        "verdict": "ok",
        "include": "",
        "flags": [],
    }
    schema.validate(good)
    assert not schema.is_valid(good | {"more": 1})
    assert not schema.is_valid(good | {"command": "nothing"})


def test_every_command_that_tells_something_is_asked_here() -> None:
    assert sorted(ASKED) == sorted(set(TELLING) - UNASKED)
    silent = set(LEAVES) - set(TELLING)
    assert silent == {
        "attr get",
        "attr remove",
        "attr set",
        "completion",
        "format",
        "get",
        "grow",
        "put",
        "rm",
    }


@pytest.mark.parametrize("name", sorted(ASKED))
def test_a_command_prints_one_object_of_the_schema_and_nothing_else(
    run: Run, schema: jsonschema.Draft202012Validator, name: str
) -> None:
    done = run(ASKED[name])
    assert "Traceback" not in done.stderr
    found = json.loads(done.stdout)
    schema.validate(found)
    assert list(found)[:5] == ["command", "powercut", "json", "exit", "verdict"]
    assert (found["command"], found["exit"]) == (name, done.returncode)
    assert done.returncode in (0, 1), done.stderr
    assert found["verdict"] not in ("error", "not_found", "interrupted")
    assert (found["verdict"] in ("ok", "held", "sound", "same", "acceptable", "found")) == (
        done.returncode == 0
    )


@pytest.mark.parametrize("name", ["run", "replay", "explain", "parse", "check", "list engines"])
def test_only_rates_depend_on_the_clock(run: Run, name: str) -> None:
    one, two = (without_rates(json.loads(run(ASKED[name]).stdout)) for _ in range(2))
    assert json.dumps(one) == json.dumps(two)  # the order of the keys, too


def without_rates(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in RATES}


# --- what goes wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_a_wrong_option_is_told_on_stderr_and_as_json(
    name: str, schema: jsonschema.Draft202012Validator, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([*name.split(), "--no-such-option", "--json"]) == 2
    out, err = capfd.readouterr()
    found = json.loads(out)
    schema.validate(found)
    assert (found["command"], found["verdict"], found["exit"]) == (name, "error", 2)
    assert err == f"powercut: {found['error']}\n"
    assert f"powercut {name} --help" in err


def test_a_missing_file_and_a_missing_key_are_told_apart(
    run: Run, schema: jsonschema.Draft202012Validator
) -> None:
    for line, verdict, code in (("ls nowhere.img", "error", 2), ("ls disk.img no/such", "not_found", 1)):
        done = run(line)
        found = json.loads(done.stdout)
        schema.validate(found)
        assert (found["verdict"], found["exit"], done.returncode) == (verdict, code, code)
        assert found["error"] in done.stderr


def test_what_was_found_before_an_error_is_told(run: Run, schema: jsonschema.Draft202012Validator) -> None:
    done = run("corpus unpack inputs nowhere --to unpacked")
    found = json.loads(done.stdout)
    schema.validate(found)
    assert (done.returncode, found["verdict"], len(found["files"])) == (2, "error", 1)


def test_an_engine_that_prints_does_not_spoil_the_object(folder: Path) -> None:
    (folder / "toys.py").write_text((Path(__file__).parent / "toys.py").read_text(encoding="utf-8"))
    (folder / "loud.py").write_text(
        "import sys\nsys.path.insert(0, '.')\nfrom toys import Page\n\n\n"
        "class Loud(Page):\n    def mount(self, *args):\n        print('hello', flush=True)\n"
        "        return super().mount(*args)\n"
    )
    line = "run --engine ./loud.py:Loud --traces 1 --ops 3 --jobs 1 --block-size 512 --json"
    command = [*POWERCUT, *line.split()]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert json.loads(done.stdout)["verdict"] == "held", done.stderr
    assert "hello" in done.stderr


# --- Ctrl-C ------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "ready"),
    [
        ("bench crash --engine ditto --parts questions --seconds 5", None),
        ("run --engine ditto --seconds 60", "workers"),
        ("replay x.trace.json", None),
        ("golden check golden", "workers"),
    ],
)
def test_after_ctrl_c_there_is_one_valid_object(
    folder: Path, schema: jsonschema.Draft202012Validator, line: str, ready: str | None
) -> None:
    process = subprocess.Popen(
        [*POWERCUT, *line.split(), "--json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    wait_until_it_works(process.pid, ready)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    if process.returncode in (0, 1):  # it was faster
        return
    assert process.returncode == 130, err
    found = json.loads(out)
    schema.validate(found)
    assert (found["exit"], found["command"]) == (130, " ".join(line.split()[: len(found["command"].split())]))


def wait_until_it_works(pid: int, ready: str | None) -> None:
    """Until the process has loaded its library, and, where asked, has processes of its own."""
    tasks, maps = Path(f"/proc/{pid}/task/{pid}/children"), Path(f"/proc/{pid}/maps")
    for _ in range(400):
        time.sleep(0.05)
        if "/engines/" in maps.read_text() and (ready is None or tasks.read_text()):
            return
    pytest.fail("the command does not begin")


def test_commands_are_those_of_the_root() -> None:
    assert {name.split()[0] for name in LEAVES} == set(COMMANDS)
    assert isinstance(cli, click.Group)
