# SPDX-License-Identifier: ISC
"""Holds the explorer's lists, images and counts against those of bruteforce.py."""

from __future__ import annotations

from collections import Counter

from bruteforce import State, Tally, states
from powercut.counts import Count
from powercut.devices import DeviceModel
from powercut.engine import Run
from powercut.explorer import ExploreOptions
from tearing import Event, Log, Model

#: What is compared; nested states are not listed.
LISTED = ("prefix", "torn", "reorder", "damage", "full")


def plain_model(model: DeviceModel) -> Model:
    """What bruteforce.py needs of a model."""
    return Model(
        model.name,
        model.prog_unit,
        model.erase_unit,
        model.prog_tears,
        model.erase_tears,
        model.reorders,
    )


def log_of(run: Run) -> Log:
    """The log of a recorded run. What a prog wrote is read off the device right behind it."""
    events = []
    for number in range(run.event_count):
        one = run.event(number)
        if one.kind == "prog":
            first = one.block * run.geometry.block_size + one.off
            data = run.image(number + 1)[first : first + one.size]
            events.append(Event("prog", one.block, one.off, data))
        else:
            events.append(Event(one.kind, one.block))
    return Log(run.geometry, run.image(0), events)


def listed(log: Log, options: ExploreOptions, operations: int) -> tuple[list[State], Tally]:
    """What bruteforce.py lists for the same options."""
    tally = Tally()
    found = states(
        log,
        [plain_model(model) for model in options.models],
        sorted(options.kinds),
        samples=options.samples,
        seed=options.seed,
        operations=operations,
        cuts=None if options.last is None else range(options.first, options.last + 1),
        tally=tally,
    )
    return list(found), tally


def assert_same_list(run: Run, log: Log, options: ExploreOptions, operations: int, every: int = 1) -> Tally:
    """The same states in the same order, and the same bytes in every state, or every so many."""
    mine, tally = listed(log, options, operations)
    theirs = run.list(options)
    for index, (state, fault) in enumerate(zip(mine, theirs, strict=False)):
        assert fault == state.fault, f"state {index}"
        if index % every == 0 and fault.kind != "full":
            assert run.fault_image(fault) == state.image, fault
    assert len(mine) == len(theirs)
    return tally


def assert_same_counts(counts: dict[tuple[str, str], Count], tally: Tally) -> None:
    """The report's totals, samples and cuts beyond are those of the list, and every state was dealt with."""
    for name in ("total", "sampled", "beyond"):
        theirs = Counter({key: getattr(count, name) for key, count in counts.items()})
        assert +theirs == +getattr(tally, name), name
    for key, count in counts.items():
        assert count.left == 0, key
