# SPDX-License-Identifier: ISC
"""What is passed over would have been judged the same: with and without each pruning the same is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from powercut.cli.run import profile
from powercut.devices import BUILTIN, DeviceModel
from powercut.engine import Engine, Run
from powercut.explorer import Allowed, Exploration, ExploreOptions
from powercut.generate import operations
from powercut.geometry import Geometry
from powercut.mutants import build, load_mutants
from powercut.predict import predict

Liar = Callable[..., str]

DEVICE = Geometry(16, 16, 256, 32, 0xFF)
SMALL = Geometry(16, 16, 128, 32, 0xFF)
ODD = Geometry(16, 16, 128, 31, 0xFF)

CUTS = ("prefix", "torn", "reorder")

#: Lies that show without a cut recovery, and those that need one.
LIES = ("LATE", "STALE", "IN_PLACE", "HEAD_FIRST", "NO_BODY_SUM", "NO_BODY_SYNC", "NO_LAST_SYNC", "BACKWARDS")
NESTED_LIES = ("REWRITES_GOOD", "NO_HEAD_SYNC", "NO_HEAD_SUM", "LEAKS")

MUTANTS = ("commit-before-data", "compaction-in-place", "sync-left-out")

SECTORS = DeviceModel("sectors", 64, 64, frozenset({"units"}), frozenset({"units"}), True)
WORDS = DeviceModel("words", prog_tears=frozenset({"zero"}), reorders=True)
ZEROS = DeviceModel("zeros", 64, 0, frozenset({"zero", "garbage"}), frozenset({"half"}))

Wrong = set[tuple[str, str, bytes]]


def wrong(run: Run, explored: Exploration) -> Wrong:
    """Kind of violation, of crash state (nested or not), and the device."""
    return {
        (one.kind, "nested" if one.fault.kind == "nested" else "", run.fault_image(one.fault))
        for one in explored.found
    }


def judged_alike(
    engine: Engine,
    device: Geometry,
    seed: int,
    count: int,
    options: ExploreOptions,
    resume: int = 0,
) -> Wrong:
    """The violations of a generated run, the same with every choice of prunings."""
    made = operations(profile(engine, device), seed, count)
    with engine.record(device, made, resume=resume) as run:
        prediction = predict(run, made)
        allowed = Allowed(prediction.allowed, prediction.entries(), prediction.now())
        prediction.close()
        seen = []
        for identical, unread in product((True, False), repeat=2):
            pruned = replace(options, seed=seed, keep_identical=identical, keep_unread=unread)
            explored = run.explore(allowed, pruned)
            assert explored.sum.left == 0
            assert (explored.sum.identical > 0) == (not identical)
            assert not (unread and explored.sum.unread)
            seen.append(wrong(run, explored))
    for one in seen[1:]:
        assert one == seen[0], sorted((kind, where) for kind, where, _ in one ^ seen[0])
    return seen[0]


@pytest.mark.parametrize("lie", LIES)
def test_lies_are_found_in_the_same_states_with_and_without_pruning(liar: Liar, lie: str) -> None:
    engine = Engine.load(liar(lie))
    kinds = frozenset({"prefix", "torn", "reorder", "damage"})
    options = ExploreOptions(kinds, (SECTORS, ZEROS), samples=2)
    assert any(judged_alike(engine, DEVICE, seed, 6, options) for seed in range(2))


@pytest.mark.parametrize("lie", NESTED_LIES)
def test_lies_of_recovery_are_found_in_the_same_states_with_and_without_pruning(liar: Liar, lie: str) -> None:
    engine = Engine.load(liar(lie))
    options = ExploreOptions(
        frozenset({"prefix", "nested"}),
        (WORDS if lie == "NO_HEAD_SUM" else SECTORS,),
        nested_kinds=frozenset(CUTS),
        samples=1,
    )
    found = judged_alike(engine, DEVICE, 0, 5, options)
    assert {where for _, where, _ in found} == ({"nested"} if lie != "LEAKS" else set())


@pytest.mark.parametrize(
    ("lie", "seed", "shown"),
    [("FORGETS", 2, {"content", "resume"}), ("RUSHES", 3, {"content"}), ("NO_HEAD_SYNC", 1, {"mount"})],
)
def test_lies_of_a_run_that_goes_on_are_found_in_the_same_states_with_and_without_pruning(
    liar: Liar, lie: str, seed: int, shown: set[str]
) -> None:
    engine = Engine.load(liar(lie))
    kinds = frozenset({"prefix", "nested"})
    options = ExploreOptions(kinds, (SECTORS,), nested_kinds=frozenset(CUTS), samples=1)
    found = judged_alike(engine, ODD, seed, 8, options, resume=2)
    assert {kind for kind, _, _ in found} == shown


def test_recoveries_are_cut_as_each_of_several_models_allows(liar: Liar) -> None:
    """What is identical or unread under one model is no reason to pass over the cuts of another's."""
    engine = Engine.load(liar("NO_HEAD_SUM"))
    sure = DeviceModel("sure", 64, 64, frozenset({"units"}))
    options = ExploreOptions(
        frozenset({"prefix", "torn", "nested"}), (WORDS,), nested_kinds=frozenset({"torn"}), samples=0
    )
    alone, *both = (
        judged_alike(engine, SMALL, 1, 2, replace(options, models=models))
        for models in ((WORDS,), (WORDS, sure), (sure, WORDS))
    )
    assert "nested" in {where for _, where, _ in alone}
    assert all(alone <= more for more in both)
    assert both[0] == both[1]


@pytest.mark.parametrize("name", MUTANTS)
def test_planted_bugs_are_found_in_the_same_states_with_and_without_pruning(
    name: str, tmp_path: Path
) -> None:
    (mutant,) = load_mutants([name])
    engine = Engine.load(str(build(mutant, tmp_path)))
    options = ExploreOptions(frozenset(CUTS), (BUILTIN["nand"], BUILTIN["disk512"]), samples=2)
    assert any(judged_alike(engine, device, 1, 20, options) for device in (DEVICE, SMALL))


@pytest.mark.parametrize("device", [DEVICE, Geometry(64, 64, 256, 32, None)], ids=str)
@pytest.mark.parametrize("name", ["skink", "ditto"])
def test_what_is_right_is_accused_of_nothing_with_and_without_pruning(name: str, device: Geometry) -> None:
    engine = Engine.load(name)
    models = tuple(BUILTIN[one] for one in ("virtio-writethrough", "nand"))
    options = ExploreOptions(frozenset((*CUTS, "nested")), models, samples=2)
    for seed in range(2):
        assert not judged_alike(engine, device, seed, 10, options)
    assert not judged_alike(engine, device, 0, 10, options, resume=2)
