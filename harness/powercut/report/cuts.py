# SPDX-License-Identifier: ISC
"""A cut in sentences: what was lost, torn, what survived; ``powercut.faultwords`` has it in few words."""

from __future__ import annotations

from collections.abc import Sequence

from powercut.engine import Event
from powercut.fault import Cut, Damage
from powercut.faultwords import listed, tear_words


def cut_words(cut: Cut, events: Sequence[Event] | None) -> str:
    """Where a cut is, what survived it, what did not. ``events``: of the run; None: of a recovery."""
    if cut.tear is not None and not cut.tear.back:
        return _under_way(cut, events)
    total = "" if events is None else f" of {len(events)}"
    place = "" if events is None or cut.at == 0 else f" ({events[cut.at - 1]})"
    where = f"after device event {cut.at}{total}{place}" if cut.at else "before the first device event"
    if events is None:
        where += " of the recovery"
    words = f"The power went {where}."
    arrived = cut.at - len(cut.lost) - int(cut.tear is not None and cut.tear.back > 0)
    if cut.lost:
        words += f" Not yet synced, and lost: {_events([number + 1 for number in cut.lost])}."
        words += f" The other {arrived} survived." if arrived else ""
    elif cut.at and cut.tear is None:
        words += " All of them survived." if cut.at > 1 else " It survived."
    if cut.tear is not None:
        number = cut.at - cut.tear.back
        what = f" ({events[number]})" if events is not None and number < len(events) else ""
        words += f" Device event {number + 1}{what} was torn: {tear_words(cut.tear)}."
    return words


def _under_way(cut: Cut, events: Sequence[Event] | None) -> str:
    """Of a cut in the middle of an event."""
    assert cut.tear is not None
    place = f" of {len(events)}" if events is not None else " of the recovery"
    what = f" ({events[cut.at]})" if events is not None and cut.at < len(events) else ""
    words = f"The power went during device event {cut.at + 1}{place}{what}, which was torn: "
    words += f"{tear_words(cut.tear)}."
    if cut.lost:
        words += f" Not yet synced, and lost: {_events([number + 1 for number in cut.lost])}."
    before = cut.at - len(cut.lost)
    if before:
        words += f" The {'one' if before == 1 else before} before it survived."
    return words


def _events(numbers: list[int]) -> str:
    return f"device {'event' if len(numbers) == 1 else 'events'} {listed(numbers)}"


def fails(damage: Damage | None) -> bool:
    """Whether the device fails from then on, rather than holds something wrong."""
    return damage is not None and damage.kind.endswith(("_fails", "_nothing"))
