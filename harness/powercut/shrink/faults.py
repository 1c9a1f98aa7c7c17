# SPDX-License-Identifier: ISC
"""Simpler crash states to try in place of one, the simplest first.

Fewer cuts are simpler than more, whole events than torn ones, fewer lost events than more; of what is torn
its first bytes than a set of units, that than zeros, and those than garbage; and an early cut than a late
one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from powercut.fault import TEARS, Cut, Fault, Tear
from powercut.states import States, window

#: Tears from the simplest on.
_ORDER = ("first", "bytes", "last", "half", "only", "without", "mask", "bits", "zero", "zero_one")
_RANK = {kind: rank for rank, kind in enumerate((*_ORDER, *(kind for kind in TEARS if kind not in _ORDER)))}

_WORD = 2**64


def kind_of(cuts: Sequence[Cut]) -> str:
    """The kind of a state that power cuts alone make up."""
    if len(cuts) > 1:
        return "nested"
    (cut,) = cuts
    if cut.lost or (cut.tear is not None and cut.tear.back):
        return "reorder"
    return "prefix" if cut.tear is None else "torn"


def with_cuts(fault: Fault, cuts: Sequence[Cut]) -> Fault:
    """The fault with other cuts; its kind follows, and its model where none is needed any more."""
    kind = kind_of(cuts)
    plain = all(not cut.lost and cut.tear is None for cut in cuts)
    return Fault(kind, tuple(cuts), None, "" if plain else fault.model)


def complexity(fault: Fault) -> tuple[object, ...]:
    """Orders crash states: the simpler one is less."""
    cuts = fault.cuts
    return (
        len(cuts),
        sum(cut.tear is not None for cut in cuts),
        sum(len(cut.lost) for cut in cuts),
        tuple(-1 if cut.tear is None else _RANK[cut.tear.kind] for cut in cuts),
        tuple(cut.at for cut in cuts),
        tuple(cut.lost for cut in cuts),
        tuple(_tear_complexity(cut.tear) for cut in cuts),
        "" if fault.damage is None else repr(fault.damage),
    )


def _tear_complexity(tear: Tear | None) -> tuple[int, ...]:
    if tear is None:
        return ()
    return (_RANK[tear.kind], tear.b.bit_count(), tear.a, tear.b, tear.back, tear.unit)


def moved(fault: Fault, events: int, operations: int) -> Fault | None:
    """The fault in a run with so many events and operations more (or fewer) before it; None: there is none.

    A nested state's later cuts are of recoveries, and stay.
    """
    first, *rest = fault.cuts
    shift = operations if fault.kind == "full" else events
    at = first.at + shift
    lost = tuple(one + shift for one in first.lost)
    back = first.tear.back if first.tear else 0
    if at < 0 or min(lost, default=0) < 0 or back > at:
        return None
    damage = fault.damage
    if damage is not None and damage.kind == "stale":
        if damage.event + events < 0:
            return None
        damage = replace(damage, event=damage.event + events)
    return replace(fault, cuts=(replace(first, at=at, lost=lost), *rest), damage=damage)


# --- losing less -----------------------------------------------------------------------------------------


def single_losses(states: States, fault: Fault) -> Iterator[Fault]:
    """Every cut up to the fault's at which one event is lost, and all the others before it are there."""
    for at in range(1, fault.state + 1):
        for number in reversed(window(states.events, at, erases=states.erases)):
            yield with_cuts(fault, [Cut(at, (number,))])


def patterns(states: States, fault: Fault, span: int) -> Iterator[Fault]:
    """Reordered states near the fault: one event lost, one kept, all lost; the nearest cut first."""
    for at in sorted(
        range(max(fault.state - span, 1), fault.state + span + 1), key=lambda at: _far(at, fault)
    ):
        if at > len(states.events):
            continue
        there = window(states.events, at, erases=states.erases)
        losses: list[tuple[int, ...]] = [(one,) for one in reversed(there)]
        losses += [tuple(one for one in there if one != kept) for kept in there]
        losses += [tuple(there[start:stop]) for start in range(len(there)) for stop in (len(there),)]
        for lost in dict.fromkeys(losses):
            if lost:
                yield with_cuts(fault, [Cut(at, lost)])


def _far(at: int, fault: Fault) -> tuple[int, int]:
    return abs(at - fault.state), at


def fewer_losses(fault: Fault, index: int) -> Iterator[Fault]:
    """The fault with one event fewer lost in cut ``index``: the latest is given back first."""
    cut = fault.cuts[index]
    for number in reversed(cut.lost):
        lost = tuple(one for one in cut.lost if one != number)
        yield _replaced(fault, index, replace(cut, lost=lost))


def _replaced(fault: Fault, index: int, cut: Cut) -> Fault:
    return with_cuts(fault, [*fault.cuts[:index], cut, *fault.cuts[index + 1 :]])


# --- tearing less ----------------------------------------------------------------------------------------


def simpler_tears(states: States, fault: Fault, index: int) -> Iterator[Fault]:
    """Cut ``index`` with what is torn whole, or not there at all, or torn in a simpler way."""
    cut = fault.cuts[index]
    tear = cut.tear
    if tear is None:
        return
    if tear.back:
        number = cut.at - tear.back
        yield _replaced(fault, index, replace(cut, tear=None))
        yield _replaced(fault, index, Cut(cut.at, tuple(sorted((*cut.lost, number)))))
    else:
        yield _replaced(fault, index, replace(cut, tear=None))
        yield _replaced(fault, index, Cut(cut.at + 1, cut.lost))
    tears = (
        [] if index else [replace(one, back=tear.back) for one in _listed(states, fault, cut.at - tear.back)]
    )
    explicit = _explicit(tear)
    for simple in sorted({*tears, *explicit}, key=_tear_complexity):
        if _tear_complexity(simple) < _tear_complexity(tear):
            yield _replaced(fault, index, replace(cut, tear=simple))


def other_tears(states: States, fault: Fault) -> list[Fault]:
    """Every way in which the fault's device model tears one event up to the fault's, the simplest first."""
    if fault.kind != "torn":
        return []
    found = [one for at in range(fault.state + 1) for one in states.listed("torn", at)]
    same = [one for one in found if one.model == fault.model and complexity(one) < complexity(fault)]
    return sorted(same, key=complexity)


def _listed(states: States, fault: Fault, at: int) -> list[Tear]:
    """How the device model tears one event of the run."""
    tears = (one.cuts[0].tear for one in states.listed("torn", at) if one.model == fault.model)
    return [tear for tear in tears if tear is not None]


def _explicit(tear: Tear) -> list[Tear]:
    """A set of units said out loud in place of a seed, and that set with one unit fewer."""
    if tear.kind == "some":
        units = sum(1 << unit for unit in range(64) if splitmix64(tear.b + unit) & 1)
        return [replace(tear, kind="mask", b=units)]
    if tear.kind == "some_bits":
        bits = sum(1 << bit for bit in range(64) if splitmix64(tear.b + bit) & 1)
        return [replace(tear, kind="bits", b=bits)]
    if tear.kind in ("mask", "bits"):
        less = [tear.b & ~(1 << unit) for unit in range(64) if tear.b >> unit & 1]
        return [replace(tear, b=units) for units in less if units]
    return []


def splitmix64(number: int) -> int:
    """The generator of docs/faults.md."""
    number = (number + 0x9E3779B97F4A7C15) % _WORD
    number = ((number ^ number >> 30) * 0xBF58476D1CE4E5B9) % _WORD
    number = ((number ^ number >> 27) * 0x94D049BB133111EB) % _WORD
    return number ^ number >> 31


# --- cutting less ----------------------------------------------------------------------------------------


def fewer_cuts(fault: Fault) -> Iterator[Fault]:
    """The fault with cuts of recoveries left out, as few left as can be."""
    for count in range(1, len(fault.cuts)):
        yield with_cuts(fault, fault.cuts[:count])
    for left_out in range(1, len(fault.cuts) - 1):
        yield with_cuts(fault, [cut for index, cut in enumerate(fault.cuts) if index != left_out])


def earlier_cuts(fault: Fault, index: int) -> Iterator[Fault]:
    """Cut ``index`` at an earlier event, whole; the earliest first."""
    cut = fault.cuts[index]
    for at in range(1 if index else 0, cut.at):
        yield _replaced(fault, index, Cut(at))
    if cut.lost or cut.tear is not None:
        yield _replaced(fault, index, Cut(cut.at))


def simpler_damage(fault: Fault) -> Iterator[Fault]:
    """The same damage to fewer bytes."""
    damage = fault.damage
    if damage is None:
        return
    for size in (1, 4, 16, 64, 256):
        if damage.size > size:
            for off in range(damage.off, damage.off + damage.size - size + 1, size):
                yield replace(fault, damage=replace(damage, off=off, size=size))
