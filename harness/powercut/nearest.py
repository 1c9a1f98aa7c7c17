# SPDX-License-Identifier: ISC
"""The store that comes nearest to what a crash state shows, among those that a run and its recoveries had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from powercut.engine import PROBE_KEY, Run
from powercut.fault import Fault
from powercut.ops import clock
from powercut.predict import Nearest, Prediction
from powercut_models import Row

#: The entry that the write probe makes, at the time of its one operation.
PROBE_ROW = Row(PROBE_KEY, "value", PROBE_KEY, clock(0))

#: Finds the store that is nearest to some entries.
Finder = Callable[[Sequence[Row]], Nearest]


def went_on(run: Run, prediction: Prediction, fault: Fault) -> range:
    """After how many operations the stores are through which recoveries went that were cut, behind those of
    the run; empty: none."""
    done, in_flight = run.fault_position(fault)
    begin = done + in_flight + 1
    last = begin - 1 + (len(fault.cuts) - 1) * run.resume
    return range(begin, min(last, len(prediction.now()) - 1) + 1)


def finder(run: Run, prediction: Prediction, fault: Fault) -> Finder:
    """For a crash state's store, without the fresh key that a recovery may have set."""
    done, in_flight = run.fault_position(fault)
    at_cut = partial(prediction.nearest, done, in_flight)
    more = went_on(run, prediction, fault)
    if not more:
        return at_cut

    def find(rows: Sequence[Row]) -> Nearest:
        found = at_cut(rows), prediction.nearest_now(more, rows)
        return min(found, key=lambda one: len(one.differences))

    return find


def stores_words(run: Run, prediction: Prediction, fault: Fault) -> str:
    """Which stores those are: ``operation 3 done or not done``."""
    words = prediction.words(*run.fault_position(fault))
    more = went_on(run, prediction, fault)
    if more:
        words += f", or what the run left behind that, up to operation {more[-1] - 1}"
    return words + (", the fresh key there or not" if len(fault.cuts) > 1 else "")


def without_probe(rows: Sequence[Row]) -> list[Row]:
    """The entries but the fresh key, as far as it is right."""
    return [row for row in rows if (row.key, row.kind, row.data) != (PROBE_KEY, "value", PROBE_ROW.data)]
