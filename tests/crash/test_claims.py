# SPDX-License-Identifier: ISC
"""A claim that means nothing is told; a full device that cannot be judged, or is none, is never complete."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from powercut.claims import parse_claims, unknown_claims
from powercut.counts import is_exhaustive
from powercut.devices import BUILTIN
from powercut.engine import CAPABILITIES, Engine
from powercut.faultfile import Explore
from powercut.geometry import Geometry
from powercut.ops import Op, Time
from powercut.pyengine import Device, as_engine
from powercut.run import run_trace
from powercut.trace import EngineOptions, EngineRef, Trace
from powercut_models import Answer
from slot import Slot, SlotStore

if TYPE_CHECKING:
    import subprocess

Liar = Callable[..., str]
Powercut = Callable[..., "subprocess.CompletedProcess[str]"]

DEVICE = Geometry(1, 1, 512, 4, 0xFF)

TYPO = """
from powercut.pyengine import Device
from slot import Slot

class Typo(Slot):
    claims = "disk51 silent"
"""


def test_each_claim_that_means_nothing_gets_a_sentence() -> None:
    known = parse_claims("nor disk512?value_checks damage damage-past silent")
    assert unknown_claims("leaf", known, BUILTIN) == []
    (typo,) = unknown_claims("leaf", parse_claims("nor dammage"), BUILTIN)
    assert typo.startswith("leaf claims to survive 'dammage', which means nothing here: claims are nor")
    (option,) = unknown_claims("leaf", parse_claims("nor?checks"), BUILTIN)
    assert option == (
        "leaf claims 'nor' with the option 'checks', which there is not: options are name_max, disk_minor, "
        "value_checks."
    )
    assert unknown_claims("leaf", parse_claims("mine"), [*BUILTIN, "mine"]) == []


def test_a_claim_with_a_wrong_letter_is_told_where_the_engine_is_run(
    tmp_path: Path, powercut_here: Powercut, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    (tmp_path / "typo.py").write_text(TYPO)
    told = powercut_here("run", "--engine", "./typo.py:Typo", "--traces", 1, "--ops", 2, "--block-count", 8)
    assert told.returncode == 0
    assert "powercut: slot claims to survive 'disk51', which means nothing here" in told.stderr
    assert told.stderr.count("which means nothing") == 1
    made = powercut_here("init", "--engine", "./typo.py:Typo")
    assert (made.returncode, made.stderr.count("'disk51', which means nothing here")) == (0, 1)


# --- full ------------------------------------------------------------------------------------------------


class Bottomless(Slot):
    """Takes every filler, and keeps none."""

    version = "1+bottomless"

    def mount(self, device: Device, options: EngineOptions) -> SlotStore:
        return BottomlessStore(device, self, fresh=False)


class BottomlessStore(SlotStore):
    """A mounted store."""

    def apply(self, op: Op, now: Time) -> Answer:
        if op.kind == "set" and op.key.startswith(b"powercut-fill-"):
            return Answer("OK")
        return super().apply(op, now)


def test_a_device_that_does_not_get_full_is_no_full_one() -> None:
    bottomless = Bottomless()
    engine = Engine(
        *as_engine(bottomless, sum(CAPABILITIES[one] for one in bottomless.capabilities)), origin=""
    )
    trace = Trace(DEVICE, (), EngineRef("slot"), explore=Explore(("full",)))
    verdict = run_trace(trace, engine)
    count = verdict.counts["", "full"]
    assert (count.total, count.checked, count.beyond) == (1, 1, 1)
    assert not is_exhaustive(verdict.counts, "", "full")


def test_a_full_device_that_is_not_judged_is_told(liar: Liar, powercut_here: Powercut) -> None:
    trace = Trace(Geometry(16, 16, 128, 33, 0xFF), (Op("set", b"a"), Op("sync", b"")), EngineRef("plain"))
    asked = Trace(trace.geometry, trace.operations, trace.engine, explore=Explore(("prefix", "full")))
    counts = run_trace(asked, Engine.load(liar("ON_SYNC"))).counts
    assert is_exhaustive(counts, "", "prefix")
    assert not is_exhaustive(counts, "", "full")
    arguments = (
        "run",
        "--engine",
        liar("ON_SYNC"),
        "--traces",
        1,
        "--ops",
        8,
        "--seed",
        1,
        "--kinds",
        "prefix,full",
    )
    told = powercut_here(*arguments, "--block-size", 128, "--block-count", 33)
    assert "not looked at: full; a full device is not judged where several stores may be left" in told.stdout
    held = powercut_here("run", "--traces", 1, "--ops", 4, "--seed", 1, "--kinds", "full")
    assert "not judged" not in held.stdout
