# SPDX-License-Identifier: ISC
"""What is asked of nested and full states, what another reader sees, and the options that choose all that."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from powercut.campaign import Campaign, Plan
from powercut.corpus import pack
from powercut.devices import BUILTIN, load
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.faultfile import Explore, ModelData
from powercut.fuzz import CorpusSource
from powercut.geometry import Geometry
from powercut.ops import Literal, Op
from powercut.run import RunOptions, run_trace
from powercut.source import ExploringSource
from powercut.trace import EngineRef, Trace
from powercut.trace import load as load_trace

Powercut = Callable[..., "subprocess.CompletedProcess[str]"]

SLOT = Path(__file__).resolve().with_name("slot.py")
DEVICE = Geometry(1, 1, 512, 4, 0xFF)
OPERATIONS = (
    Op("set", b"keep", value=Literal(b"one")),
    Op("set", b"b", value=Literal(b"two")),
    Op("remove", b"keep"),
)


def found(name: str, *kinds: str, trace: Trace | None = None) -> set[tuple[str, str]]:
    """(kind of violation, kind of crash state) of all that the engine fails in."""
    trace = trace or Trace(DEVICE, OPERATIONS, EngineRef("slot"))
    asked = replace(trace, explore=Explore(kinds, depth=2))
    verdict = run_trace(asked, Engine.load(f"{SLOT}:{name}"), RunOptions(violations_max=0))
    assert verdict.violations or verdict.sum.left == 0
    return {(one.kind, one.fault.kind if one.fault else "") for one in verdict.violations}


def test_the_engine_that_is_right_is_accused_in_no_kind() -> None:
    assert found("Slot", "prefix", "nested", "full") == set()


def test_other_contents_after_a_cut_recovery_are_seen_by_nested_states_and_by_nothing_else() -> None:
    assert found("Refreshing", "prefix") == set()
    assert ("content", "nested") in found("Refreshing", "prefix", "nested")


def test_a_removal_that_a_full_device_refuses_is_seen_by_full_states_and_by_nothing_else() -> None:
    assert found("Keeping", "prefix", "nested") == set()
    assert found("Keeping", "full") == {("full", "full")}


def test_another_reader_that_cannot_read_the_device_is_a_violation_and_one_that_agrees_is_none() -> None:
    def verdict(reader: str) -> set[str]:
        trace = Trace(
            Geometry(block_count=64), OPERATIONS, EngineRef("skink"), explore=Explore(reader=reader)
        )
        return {one.kind for one in run_trace(trace, Engine.load("skink")).violations}

    assert verdict("skink") == set()
    assert verdict("ditto") == {"reader"}


# --- models as data ----------------------------------------------------------------------------------------


def test_a_model_of_ones_own_allows_what_its_file_says(tmp_path: Path, powercut: Powercut) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[model.mine]\nprog_unit = 64\nprog_tears = ["first"]\n')
    ask = ("run", "--traces", 2, "--ops", 12, "--seed", 1, "--kinds", "torn", "--json", "--block-size", 512)
    done = powercut(*ask, "--models", file, "--model", "mine")
    assert done.returncode == 0, done.stderr
    (name,) = json.loads(done.stdout)["crash_states"]["torn"]
    assert name == "mine"
    assert json.loads(done.stdout)["crash_states"]["torn"]["mine"]["total"] > 20


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[model.x]\nprog_unit = 0\n", "prog_unit"),
        ('[model.x]\nprog_tears = ["shred"]\n', "shred"),
        ("[model.x]\ncolour = 3\n", "colour"),
        ("[model.'a b']\n", "'a b'"),
        ("[model.x\n", "line 1"),
        ("", "model"),
    ],
)
def test_a_file_of_models_that_cannot_be_is_refused_in_one_sentence(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(PowercutError) as error:
        load(file)
    assert said in str(error.value)
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--kinds", "shred"), "there is no kind 'shred'"),
        (("--kinds", ","), "No kind of crash state"),
        (("--kinds", "torn", "--model", "floppy"), "no device model 'floppy'"),
        (("--kinds", "torn", "--models", "nowhere.toml"), "nowhere.toml"),
        (("--kinds", "nested", "--nested-kinds", "full"), "--nested-kinds"),
        (("--reader", "nobody"), "nobody"),
    ],
)
def test_options_that_cannot_be_are_refused_in_one_sentence(
    powercut_here: Powercut, options: tuple[str, ...], said: str
) -> None:
    done = powercut_here("run", "--traces", 1, "--ops", 1, *options)
    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


# --- claims ------------------------------------------------------------------------------------------------


def test_what_an_engine_does_not_claim_is_told_apart_and_fails_a_strict_run_alone(
    powercut: Powercut, tmp_path: Path
) -> None:
    assert "hostile" in BUILTIN
    ask = ("run", "--engine", f"{SLOT}:Slot", "--traces", 1, "--ops", 6, "--seed", 2, "--kinds", "torn")
    device = ("--block-size", 512, "--block-count", 4, "--prog-size", 1, "--model", "hostile", "--no-shrink")
    loose = powercut(*ask, *device, "--json", "--save", tmp_path)
    assert loose.returncode == 0, loose.stderr
    assert json.loads(loose.stdout)["unclaimed"]["violations"] == 1
    assert json.loads(loose.stdout)["violations"] == 0
    strict = powercut(*ask, *device, "--json", "--strict", "--save", tmp_path)
    assert strict.returncode == 1
    assert json.loads(strict.stdout)["violations"] == 1


def test_recoveries_of_whole_cuts_are_torn_under_models_that_are_not_claimed_too() -> None:
    halves = ModelData("halves", 512, 0, ("half",), (), reorders=False, overwrites=True)
    explore = Explore(("prefix", "nested", "full"), depth=2, nested=("torn",))
    trace = Trace(DEVICE, OPERATIONS, EngineRef("slot"), explore=explore, models=(halves,))
    plain = replace(trace, explore=replace(explore, kinds=("prefix", "full")))
    slot = Engine.load(f"{SLOT}:Slot")
    verdict = run_trace(trace, slot, RunOptions(violations_max=0))
    assert verdict.counts["halves", "nested"].checked > 0
    assert {(one.claimed, one.model) for one in verdict.violations} == {(False, "halves")}
    for key, count in run_trace(plain, slot).counts.items():
        assert verdict.counts[key] == count, key


def saved(powercut: Powercut, folder: Path, *options: object) -> Path:
    """The trace of what Slot does not survive, saved by a strict run."""
    ask = ("run", "--engine", f"{SLOT}:Slot", "--traces", 1, "--ops", 6, "--seed", 2, "--kinds", "torn")
    device = ("--block-size", 512, "--block-count", 4, "--prog-size", 1, "--model", "hostile", "--strict")
    assert powercut(*ask, *device, *options, "--save", folder).returncode == 1
    (path,) = folder.glob("*.trace.json")
    return path


@pytest.mark.parametrize("how", ["--shrink", "--no-shrink"])
def test_a_saved_trace_names_its_crash_state_and_fails_again(
    powercut: Powercut, tmp_path: Path, how: str
) -> None:
    path = saved(powercut, tmp_path / "found", how)
    trace = load_trace(path)
    assert trace.fault is not None
    assert (trace.fault.kind, trace.fault.model) == ("torn", "hostile")
    assert trace.fault.cuts[0].tear is not None
    assert not trace.expect.claimed
    done = powercut("replay", "--expect", "--engine", f"{SLOT}:Slot", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "as expected" in done.stdout
    assert powercut("replay", "--expect", "--engine", "ditto", path).returncode == 0


def test_what_is_not_claimed_is_told_in_the_order_of_the_traces_whoever_was_quicker(tmp_path: Path) -> None:
    """The first takes by far the longest."""
    skink = Engine.load("skink")
    files = (tmp_path / "long", *(tmp_path / "short" for _ in range(19)))
    for file, times in ((files[0], 20), (files[1], 1)):
        file.write_bytes(pack(Geometry(16, 16, 512, 8, 0xFF), OPERATIONS * times))
    inputs = CorpusSource(files, EngineRef("skink"), skink.capabilities)
    source = ExploringSource(inputs, Explore(("damage",)))
    tally = Campaign(Plan("skink", source, traces=20, workers=2)).run()
    assert (tally.failures, tally.unclaimed_total) == ([], 20)
    assert [one.index for one in tally.unclaimed] == list(range(16))


def test_skink_claims_device_models_and_no_damage() -> None:
    # A pair that damage rolls back shows old values; below a dictionary that was renamed since, under keys
    # that they never had. The format cannot tell, so nothing is claimed.
    assert Engine.load("skink").claims() == set(BUILTIN)
