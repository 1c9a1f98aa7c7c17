# SPDX-License-Identifier: ISC
"""A crash state in words: what a cut lost, how an event was torn, what was damaged."""

from __future__ import annotations

from collections.abc import Sequence

from powercut.engine import Event
from powercut.fault import Cut, Damage, Tear


def tear_words(tear: Tear) -> str:
    """How an event arrived in part."""
    unit = f"{tear.unit} bytes" if tear.unit != 1 else "1 byte"
    texts = {
        "bytes": f"only its first {tear.a} bytes arrived",
        "first": f"only its first {tear.a} units of {unit} arrived",
        "last": f"only its last {tear.a} units of {unit} arrived",
        "mask": f"of its units of {unit} only {_mask(tear.b)} arrived",
        "without": f"all of its units of {unit} arrived but number {tear.a}",
        "only": f"of its units of {unit} only number {tear.a} arrived",
        "some": f"some of its units of {unit} arrived (seed {tear.b})",
        "half": f"its first {tear.a} units of {unit} arrived, and half of the next",
        "bits": f"in unit {tear.a} of {unit} only some of its bits arrived",
        "some_bits": f"in unit {tear.a} of {unit} only some of its bits arrived",
        "zero": f"its first {tear.a} units of {unit} arrived, the next reads as zeros",
        "zero_one": f"unit {tear.a} of {unit} reads as zeros, all others arrived",
        "garbage": f"its first {tear.a} units of {unit} arrived, the next reads as garbage",
        "garbage_one": f"unit {tear.a} of {unit} reads as garbage, all others arrived",
        "mix": f"each of its units of {unit} is old, new, zeros or garbage (seed {tear.b})",
    }
    return texts.get(tear.kind, f"it arrived in part ({tear.kind})")


def _mask(bits: int) -> str:
    return _list([number for number in range(bits.bit_length()) if bits >> number & 1])


def _list(numbers: list[int]) -> str:
    """``1, 2 and 5``; runs as ``1 to 4``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    texts = [f"{a}" if a == b else f"{a} and {b}" if b == a + 1 else f"{a} to {b}" for a, b in runs]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def cut_words(cut: Cut, events: Sequence[Event] | None) -> str:
    """Where a cut is, what survived it, what did not. ``events``: of the run; None: of a recovery."""
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
        under_way = ", which was under way," if cut.tear.back == 0 else ""
        words += f" Device event {number + 1}{what}{under_way} was torn: {tear_words(cut.tear)}."
    return words


def _events(numbers: list[int]) -> str:
    return f"device {'event' if len(numbers) == 1 else 'events'} {_list(numbers)}"


def fails(damage: Damage | None) -> bool:
    """Whether the device fails from then on, rather than holds something wrong."""
    return damage is not None and damage.kind.endswith(("_fails", "_nothing"))


def damage_words(damage: Damage) -> str:
    """What is wrong with the device, as the rest of a sentence."""
    bytes_ = f"{damage.size} bytes at block {damage.block}, offset {damage.off},"
    texts = {
        "flip": f"bit {damage.value} of the byte at block {damage.block}, offset {damage.off}, was flipped",
        "zero": f"{bytes_} became zeros",
        "fill": f"{bytes_} became 0xff",
        "garbage": f"{bytes_} became garbage",
        "stale": f"block {damage.block} went back to what it was before device event {damage.event + 1}",
        "read_fails": f"block {damage.block} could not be read any more",
        "prog_fails": f"block {damage.block} could not be programmed any more",
        "erase_fails": f"block {damage.block} could not be erased any more",
        "prog_nothing": f"block {damage.block} took programs, said yes, and did nothing",
        "erase_nothing": f"block {damage.block} took erases, said yes, and did nothing",
    }
    return texts.get(damage.kind, damage.kind)
