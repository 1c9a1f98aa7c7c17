# SPDX-License-Identifier: ISC
"""Single-omission experiments on a log of device events: which of them must be there before which others.

Nothing here knows of an engine or of a disk format: a crash state is built, judged, and holds or does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from powercut.engine import Event
from powercut.fault import WINDOW, Cut
from powercut.states import effective, window

#: Events of one operation whose order is looked at, at most; the last ones.
EVENTS_MAX = 48


@dataclass(frozen=True, slots=True)
class Log:
    """What is cut: device events, those of the operation at hand (``span``), and who judges.

    ``fails``: for each cut, whether the state that it leaves breaks a promise. ``settled``: whether, after so
    many events, the operation at hand has returned.
    """

    events: Sequence[Event]
    erases: bool
    span: range
    fails: Callable[[Sequence[Cut]], list[bool]]
    settled: Callable[[int], bool]

    def fails_at(self, cut: Cut) -> bool:
        """Whether one state breaks a promise."""
        return self.fails([cut])[0]

    def effective(self, number: int) -> bool:
        """Whether losing the event can be seen."""
        return effective(self.events[number], erases=self.erases)

    def window(self, at: int) -> list[int]:
        """The events that may be lost in a cut after ``at`` events: those since the last sync."""
        return window(self.events, at, erases=self.erases)

    def synced(self, first: int, second: int) -> bool:
        """Whether a sync stands between two events."""
        return any(event.kind == "sync" for event in self.events[first + 1 : second])


@dataclass(frozen=True, slots=True)
class Reason:
    """What a crash state is wrong for.

    ``kind``:
    ``order``     ``events`` must be there before ``then`` is (of several, one is enough);
    ``late``      all of ``events`` must be, and the engine issues them only after ``then``;
    ``durable``   they must be there before the operation returns;
    ``whole``     event ``then`` must not arrive in part; ``events``: not while this one is there;
    ``together``  ``events``, from the first to the last, are one change, and more than one write;
    ``wrong``     from event ``then`` on the store is wrong, and nothing later in the operation mends it;
    ``returned``  all that the operation wrote is there, and it is wrong;
    ``unknown``   no single omission makes a difference.
    """

    kind: str
    events: tuple[int, ...] = ()
    then: int | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """What an operation needs and no device that may reorder or tear gives it.

    ``order``: pairs (i, j): event i before event j. ``durable``: events before the operation returns.
    ``together``: pairs of events with a state between them that breaks a promise. ``whole``: events that must
    arrive whole. ``complete``: whether all pairs of the operation were looked at.
    """

    order: tuple[tuple[int, int], ...] = ()
    durable: tuple[int, ...] = ()
    together: tuple[tuple[int, int], ...] = ()
    whole: tuple[int, ...] = ()
    complete: bool = True


def reason_of(log: Log, cut: Cut) -> Reason:
    """Why the state that a cut leaves is wrong."""
    if cut.tear is not None and not cut.tear.back:
        return Reason("whole", (), cut.at)
    if cut.tear is not None:
        torn = cut.at - cut.tear.back
        return Reason("whole", tuple(_culprits(log, cut, torn)[-1:]), torn)
    if cut.lost:
        return _reordered(log, cut)
    return _in_order(log, cut.at)


def _culprits(log: Log, cut: Cut, first: int) -> list[int]:
    """The events behind ``first`` without which the state would be right."""
    others = [one for one in log.window(cut.at) if one > first and one not in cut.lost]
    torn = None if cut.tear is None else cut.at - cut.tear.back
    others = [one for one in others if one != torn]
    cuts = [replace(cut, lost=tuple(sorted((*cut.lost, one)))) for one in others]
    return [one for one, fails in zip(others, log.fails(cuts), strict=True) if not fails]


def _reordered(log: Log, cut: Cut) -> Reason:
    lost = _needed(log, cut)
    culprits = _culprits(log, replace(cut, lost=lost), min(lost))
    if culprits:
        return Reason("order", lost, culprits[-1])
    if log.settled(cut.at):
        return Reason("durable", lost)
    return Reason("unknown", lost)


def _needed(log: Log, cut: Cut) -> tuple[int, ...]:
    """The lost events without those that may be there and the state is still wrong."""
    lost = cut.lost
    for one in reversed(cut.lost):
        fewer = tuple(other for other in lost if other != one)
        if fewer and log.fails_at(replace(cut, lost=fewer)):
            lost = fewer
    return lost


def _in_order(log: Log, at: int) -> Reason:
    """Why the first ``at`` events, each of them whole, leave something wrong."""
    if at == 0:
        return Reason("unknown")
    states = [*log.span, log.span.stop]
    holds = [k for k, fails in zip(states, log.fails([Cut(k) for k in states]), strict=True) if not fails]
    before = max((k for k in holds if k < at), default=None)
    after = min((k for k in holds if k > at), default=None)
    if before is not None and after is not None:
        return _change(log, at, before, after)
    first = at - 1 if before is None else before
    if log.settled(first + 1) or not log.effective(first):
        return Reason("returned")
    return Reason("wrong", (), first)


def _change(log: Log, at: int, before: int, after: int) -> Reason:
    """Why it is wrong to be between two states that are right."""
    missing = _missing(log, at, after)
    if missing and all(log.events[one].block != log.events[at - 1].block for one in missing):
        return Reason("late", missing, at - 1)
    changes = tuple(one for one in range(before, after) if log.effective(one))
    return Reason("together", changes) if len(changes) > 1 else Reason("wrong", (), before)


def _missing(log: Log, at: int, after: int) -> tuple[int, ...]:
    """The fewest events from ``at`` to ``after`` that make the state right, if they are there as well."""
    if after - at > WINDOW:
        return ()
    lost: tuple[int, ...] = ()
    for one in (one for one in range(at, after) if log.effective(one)):
        if not log.fails_at(Cut(after, (*lost, one))):
            lost = (*lost, one)
    return tuple(one for one in range(at, after) if log.effective(one) and one not in lost)


# --- all of an operation -----------------------------------------------------------------------------------


def needs_of(log: Log, *, reorders: bool, tears: Callable[[int], Sequence[Cut]]) -> Needs:
    """What the operation at hand needs and is not given. ``reorders``: whether the device does;
    ``tears``: how it may tear an event."""
    numbers = [one for one in log.span if log.effective(one)]
    chosen = numbers[-EVENTS_MAX:]
    order, durable = _order(log, chosen) if reorders else ((), ())
    return Needs(order, durable, _together(log), _whole(log, chosen, tears), len(chosen) == len(numbers))


def _order(log: Log, numbers: Sequence[int]) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...]]:
    pairs = [(i, j) for i in numbers for j in numbers if i < j and j - i < WINDOW and not log.synced(i, j)]
    fails = log.fails([Cut(j + 1, (i,)) for i, j in pairs])
    first: dict[int, int] = {}
    for (i, j), wrong in zip(pairs, fails, strict=True):
        if wrong:
            first.setdefault(i, j)
    end = log.span.stop
    rest = [i for i in numbers if i not in first]  # the others are wrong without it before the end
    ends = [i for i in rest if end - i <= WINDOW and not log.synced(i, end) and log.settled(end)]
    lost = [i for i, wrong in zip(ends, log.fails([Cut(end, (i,)) for i in ends]), strict=True) if wrong]
    return tuple(first.items()), tuple(lost)


def _together(log: Log) -> tuple[tuple[int, int], ...]:
    """The first event of a change that is more than one write, and the last."""
    inside = [k for k in range(log.span.start + 1, log.span.stop) if not log.settled(k)]
    found: list[tuple[int, int]] = []
    for k, wrong in zip(inside, log.fails([Cut(k) for k in inside]), strict=True):
        if wrong and found and found[-1][1] == k - 1:
            found[-1] = found[-1][0], k
        elif wrong:
            found.append((k - 1, k))
    return tuple(found)


def _whole(log: Log, numbers: Sequence[int], tears: Callable[[int], Sequence[Cut]]) -> tuple[int, ...]:
    return tuple(one for one in numbers if any(log.fails(tears(one))))
