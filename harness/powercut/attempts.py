# SPDX-License-Identifier: ISC
"""A trace whose engine dies or hangs of a crash state is run once more without that state, and again.

After some of them the rest of its states is left: what was found and counted in front of the last is kept,
and the others are counted as left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from powercut.claims import may_not_die
from powercut.counts import DEATHS_MAX, Count, Counts
from powercut.fault import Fault
from powercut.judge import Violation
from powercut.lastwords import ending
from powercut.run import Death, RunOptions, device_models
from powercut.trace import Trace


@dataclass(frozen=True, slots=True)
class Died:
    """How a run ended: ``kind``: crash or hang; ``how``: see Death; ``suspects``: the states at hand."""

    kind: str
    how: str
    said: str
    suspects: Sequence[Fault]


@dataclass(frozen=True, slots=True)
class Attempt:
    """How to run a trace: without ``deaths``; with ``leave`` only up to the last of them, in front of which
    nothing else is known to do harm."""

    threads: int = 1
    deaths: tuple[Death, ...] = ()
    leave: bool = False

    def after(self, died: Died) -> Attempt | None:
        """What to try next; None: nothing is left to try. One thread meets the same states each time: what is
        found does not depend on the number of threads."""
        if not died.suspects or len(self.deaths) >= 2 * DEATHS_MAX:
            return None
        if self.threads > 1 and (died.kind == "crash" or len(died.suspects) > 1):
            return replace(self, threads=1)
        deaths = (*self.deaths, Death(died.kind, died.how, died.suspects[0], died.said))
        if len(deaths) < DEATHS_MAX:
            return Attempt(self.threads, deaths)
        return Attempt(1, deaths, leave=True)


def with_attempt(options: RunOptions, attempt: Attempt) -> RunOptions:
    """The options for an attempt."""
    return replace(options, jobs=attempt.threads, deaths=attempt.deaths, leave=attempt.leave)


def given_up(attempt: Attempt, died: Died, claims: frozenset[str]) -> tuple[Violation, ...]:
    """What is known of a trace that cannot be run to its end, for its run itself ends the process."""
    words = "The engine ended its process" if died.kind == "crash" else "The engine hangs"
    made = [
        Violation(
            one.kind,
            one.fault.state,
            None,
            one.how,
            f"{words}: {ending(one.how, one.said)}.",
            fault=one.fault,
            claimed=may_not_die(one.fault, claims),
        )
        for one in attempt.deaths
    ]
    last = Violation(died.kind, None, None, died.how, f"{words}: {ending(died.how, died.said)}.")
    return tuple(made or [last])


def unlooked(trace: Trace) -> Counts:
    """The counts of a trace that was given up: no kind that it asks for is complete."""
    made: Counts = {}
    for kind in trace.explore.kinds:
        models = [one.name for one in device_models(trace)] if kind in ("torn", "reorder") else [""]
        made |= {(model, kind): Count(beyond=1) for model in models}
    return made
