# SPDX-License-Identifier: ISC
"""Single-omission experiments on a log of device events: which of them must be there before which others.

Nothing here knows of an engine or of a disk format: a crash state is built, judged, and holds or does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from powercut.engine import Event
from powercut.fault import WINDOW, Cut, Tear
from powercut.states import effective, window

#: Events of one operation whose order is looked at, at most; the last ones.
EVENTS_MAX = 48

#: Units of an event, of whichever size: all of them.
WHOLE = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Log:
    """What is cut: device events, those of the operation at hand (``span``), and who judges.

    ``fails``: for each cut, whether the state that it leaves breaks a promise. ``settled``: whether, after so
    many events, the operation at hand has returned. ``idle``: whether, after so many events, none is under
    way, and some operation has returned.
    """

    events: Sequence[Event]
    erases: bool
    span: range
    fails: Callable[[Sequence[Cut]], list[bool]]
    settled: Callable[[int], bool]
    idle: Callable[[int], bool]

    def fails_at(self, cut: Cut) -> bool:
        """Whether one state breaks a promise."""
        return self.fails([cut])[0]

    def effective(self, number: int) -> bool:
        """Whether losing the event can be seen."""
        return effective(self.events[number], erases=self.erases)

    def window(self, at: int) -> list[int]:
        """The events that may be lost in a cut after ``at`` events: those since the last sync."""
        return window(self.events, at, erases=self.erases)

    def apart(self, number: int, others: Sequence[int]) -> bool:
        """Whether an event is of another block than each of the others."""
        return all(self.events[number].block != self.events[one].block for one in others)

    def synced(self, first: int, second: int) -> bool:
        """Whether a sync stands between two events."""
        return any(event.kind == "sync" for event in self.events[first + 1 : second])


@dataclass(frozen=True, slots=True)
class Reason:
    """What a crash state is wrong for.

    ``kind``:
    ``order``     ``events`` must be there before ``then`` is (of several, one is enough);
    ``late``      all of ``events`` must be, and the engine syncs ``then`` and issues them only afterwards;
    ``half``      the same of a prog with no sync behind it: it counts, and without ``events`` it must not;
    ``durable``   they must be there in state ``then``, when an operation has returned, whether they were
                  issued before or are so only afterwards;
    ``whole``     event ``then`` must not arrive in part; ``events``: not while this one is there;
    ``together``  ``events`` are one change, and more than one write;
    ``wrong``     from event ``then`` on the store is wrong, and nothing later in the operation mends it;
    ``returned``  all that the operation wrote is there, and it is wrong;
    ``start``     it was wrong before the first event;
    ``unknown``   no single omission makes a difference.
    """

    kind: str
    events: tuple[int, ...] = ()
    then: int | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """What an operation needs and no device that may reorder or tear gives it.

    ``order``: pairs (i, j): event i before event j. ``durable``: events before the operation returns.
    ``together``: pairs of events: the first is wrong until the second is there as well. ``whole``: events
    that must arrive whole. ``complete``: whether all pairs of the operation were looked at.
    """

    order: tuple[tuple[int, int], ...] = ()
    durable: tuple[int, ...] = ()
    together: tuple[tuple[int, int], ...] = ()
    whole: tuple[int, ...] = ()
    complete: bool = True


# --- one crash state -----------------------------------------------------------------------------------


def plainest(fails: Callable[[Sequence[Cut]], list[bool]], cut: Cut) -> Cut:
    """The plainest state that is as wrong as the one that a cut leaves, and for the same reason.

    Where the torn event may as well be whole or missing it is no question of tearing; where nothing need be
    lost, none of order; and what is wrong since an earlier cut is so for what happened there.
    """
    if cut.tear is not None:
        for untorn in _untorn(cut, cut.tear):
            if fails([untorn]) == [True]:
                return plainest(fails, untorn)
        return cut
    if cut.lost and fails([Cut(cut.at)]) == [True]:
        return plainest(fails, Cut(cut.at))
    if cut.lost:
        return replace(cut, lost=_needed(fails, cut))
    return Cut(_since(fails, cut.at))


def _untorn(cut: Cut, tear: Tear) -> tuple[Cut, Cut]:
    """Without the torn event, and with all of it."""
    if not tear.back:
        return Cut(cut.at, cut.lost), Cut(cut.at + 1, cut.lost)
    lost = tuple(sorted((*cut.lost, cut.at - tear.back)))
    return Cut(cut.at, lost), Cut(cut.at, cut.lost)


def _needed(fails: Callable[[Sequence[Cut]], list[bool]], cut: Cut) -> tuple[int, ...]:
    """The lost events without those that may be there and the state is still wrong."""
    lost = cut.lost
    while len(lost) > 1:
        fewer = [tuple(other for other in lost if other != one) for one in reversed(lost)]
        wrong = fails([replace(cut, lost=one) for one in fewer])
        less = next((one for one, still in zip(fewer, wrong, strict=True) if still), None)
        if less is None:
            break
        lost = less
    return lost


def _since(fails: Callable[[Sequence[Cut]], list[bool]], at: int) -> int:
    """The first of the states up to ``at`` that are all wrong."""
    stop = at
    while stop > 0:
        states = range(max(stop - WINDOW, 0), stop)
        holds = [k for k, wrong in zip(states, fails([Cut(k) for k in states]), strict=True) if not wrong]
        if holds:
            return holds[-1] + 1
        stop = states.start
    return 0


def reason_of(log: Log, cut: Cut) -> Reason:
    """Why the state that a cut leaves is wrong."""
    cut = plainest(log.fails, cut)
    if cut.tear is not None and not cut.tear.back:
        return Reason("whole", (), cut.at)
    if cut.tear is not None:
        torn = cut.at - cut.tear.back
        return Reason("whole", tuple(_culprits(log, cut, torn)[-1:]), torn)
    return _reordered(log, cut) if cut.lost else _in_order(log, cut.at)


def _culprits(log: Log, cut: Cut, first: int) -> list[int]:
    """The events behind ``first`` without which the state would be right."""
    others = [one for one in log.window(cut.at) if one > first and one not in cut.lost]
    torn = None if cut.tear is None else cut.at - cut.tear.back
    others = [one for one in others if one != torn]
    cuts = [replace(cut, lost=tuple(sorted((*cut.lost, one)))) for one in others]
    return [one for one, fails in zip(others, log.fails(cuts), strict=True) if not fails]


def _reordered(log: Log, cut: Cut) -> Reason:
    """Why it is wrong without some events: what comes behind them, one by one, until it is."""
    lost = cut.lost
    if log.fails_at(shorter := Cut(max(lost), lost[:-1])):  # what comes behind the last of them is all one
        return reason_of(log, shorter)
    states = range(max(lost) + 1, cut.at + 1)
    wrong = log.fails([Cut(k, lost) for k in states])
    first = next((k for k, fails in zip(states, wrong, strict=True) if fails), cut.at)
    last = first - 1
    if last > max(lost) and log.effective(last) and not log.fails_at(Cut(first, (*lost, last))):
        return _half_way(log, min(lost), last) or Reason("order", lost, last)
    if log.idle(first) and not log.fails_at(Cut(first)):
        return Reason("durable", lost, first)
    culprits = _culprits(log, cut, min(lost))
    if not culprits:
        return Reason("unknown", lost)
    return _half_way(log, min(lost), culprits[-1]) or Reason("order", lost, culprits[-1])


def _half_way(log: Log, first: int, then: int) -> Reason | None:
    """Why it is wrong on the way from one event to another with none of them lost; None: it is not. Where it
    is, the one before the other, synced, would be as wrong."""
    states = range(first + 1, then + 1)
    wrong = log.fails([Cut(k) for k in states])
    at = next((k for k, fails in zip(states, wrong, strict=True) if fails), None)
    return None if at is None else _in_order(log, _since(log.fails, at))


def _in_order(log: Log, at: int) -> Reason:
    """Why the first ``at`` events, each of them whole, leave something wrong; one fewer does not."""
    if at == 0:
        return Reason("start")
    states = range(at + 1, log.span.stop + 1)
    wrong = log.fails([Cut(k) for k in states])
    after = next((k for k, fails in zip(states, wrong, strict=True) if not fails), None)
    if after is not None:
        return _change(log, at, after)
    if log.idle(at):
        behind = _behind(log, at)
        return Reason("durable", behind, at) if behind else Reason("returned")
    return Reason("wrong", (), at - 1) if log.effective(at - 1) else Reason("returned")


def _behind(log: Log, at: int) -> tuple[int, ...]:
    """The events that make a store right which an operation left wrong, issued after it had returned."""
    states = range(at + 1, min(at + WINDOW, len(log.events)) + 1)
    wrong = log.fails([Cut(k) for k in states])
    after = next((k for k, fails in zip(states, wrong, strict=True) if not fails), None)
    return () if after is None else _missing(log, at, after)


def _change(log: Log, at: int, after: int) -> Reason:
    """Why it is wrong to be between two states that are right."""
    missing = _missing(log, at, after)
    if not missing:
        changes = tuple(one for one in range(at - 1, after) if log.effective(one))
        return Reason("together", changes) if len(changes) > 1 else Reason("wrong", (), at - 1)
    if not _other_way_round(log, at, after, missing):
        return Reason("together", (at - 1, *missing))
    ordered = log.synced(at - 1, missing[0]) or log.events[at - 1].kind == "erase"
    return Reason("late" if ordered and log.apart(at - 1, missing) else "half", missing, at - 1)


def _other_way_round(log: Log, at: int, after: int, missing: tuple[int, ...]) -> bool:
    """Whether the store is right with what is missing there and the last event that is there not: of a block
    that is erased in between there is no such state."""
    block = log.events[at - 1].block
    erased = any(one.kind == "erase" and one.block == block for one in log.events[at - 1 : after])
    if not log.effective(at - 1) or (erased and not log.apart(at - 1, missing)):
        return False
    others = tuple(one for one in range(at, after) if log.effective(one) and one not in missing)
    lost = (at - 1, *others)
    if not log.idle(after):
        return not log.fails_at(Cut(after, lost))
    return after - 1 in missing and not log.fails_at(_under_way(after, lost))


def _under_way(after: int, lost: tuple[int, ...]) -> Cut:
    """The cut after so many events, before the operation that the last of them is of has returned."""
    return Cut(after - 1, lost, Tear("last", 1, WHOLE))


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
    ``tears``: how it may tear an event.

    What is told is looked at between two states that hold, so that it is this and nothing else that is wrong.
    """
    numbers = [one for one in log.span if log.effective(one)]
    chosen = numbers[-EVENTS_MAX:]
    states = range(log.span.start, log.span.stop + 1)
    wrong = log.fails([Cut(k) for k in states])
    holds = {k for k, fails in zip(states, wrong, strict=True) if not fails}
    sound = [one for one in chosen if {one, one + 1} <= holds]
    order, durable = _order(log, sound, holds) if reorders else ((), ())
    return Needs(
        order, durable, _together(log, holds), _whole(log, sound, tears), len(chosen) == len(numbers)
    )


def _order(
    log: Log, numbers: Sequence[int], holds: set[int]
) -> tuple[tuple[tuple[int, int], ...], tuple[int, ...]]:
    pairs = [(i, j) for i in numbers for j in numbers if i < j and j - i < WINDOW and not log.synced(i, j)]
    fails = log.fails([Cut(j + 1, (i,)) for i, j in pairs])
    first: dict[int, int] = {}
    for (i, j), wrong in zip(pairs, fails, strict=True):
        if wrong:
            first.setdefault(i, j)
    returned = {i for i, j in first.items() if log.settled(j + 1) and log.fails_at(Cut(j + 1, (i, j)))}
    pairs = [(i, j) for i, j in first.items() if i not in returned]
    early = log.fails([Cut(j, (i,)) for i, j in pairs])
    order = tuple(pair for pair, wrong in zip(pairs, early, strict=True) if not wrong)
    end = log.span.stop
    rest = [i for i in numbers if i not in first or i in returned]
    ends = [i for i in rest if end - i <= WINDOW and not log.synced(i, end) and log.settled(end)]
    ends = ends if end in holds else []
    lost = [i for i, wrong in zip(ends, log.fails([Cut(end, (i,)) for i in ends]), strict=True) if wrong]
    return order, tuple(lost)


def _together(log: Log, holds: set[int]) -> tuple[tuple[int, int], ...]:
    """The first event of a change that is more than one write, and the last."""
    found: list[tuple[int, int]] = []
    begun: int | None = None
    for k in range(log.span.start + 1, log.span.stop + 1):
        if k not in holds:
            begun = k - 1 if begun is None and k - 1 in holds else begun
        elif begun is not None:
            found.append((begun, k - 1))
            begun = None
    return tuple(found)


def _whole(log: Log, numbers: Sequence[int], tears: Callable[[int], Sequence[Cut]]) -> tuple[int, ...]:
    return tuple(one for one in numbers if any(log.fails(tears(one))))
