# SPDX-License-Identifier: ISC
"""A crash state in words. Device events are counted from 1 there, as people count."""

from __future__ import annotations

from collections.abc import Callable

from powercut.fault import Cut, Damage, Fault, Tear


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
    return listed([number for number in range(bits.bit_length()) if bits >> number & 1])


def listed(numbers: list[int]) -> str:
    """``1, 2 and 5``; runs as ``1 to 4``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    texts = [f"{a}" if a == b else f"{a} and {b}" if b == a + 1 else f"{a} to {b}" for a, b in runs]
    if not texts:
        return "none"
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


Describe = Callable[[int], str]
"""A device event, by its number from 0, in words."""


def cut_words(cut: Cut, total: int, describe: Describe | None = None) -> str:
    """``Power cut after device event 3 of 9 (sync), device event 2 lost``."""

    def event(number: int) -> str:
        said = "" if describe is None else f" ({describe(number)})"
        return f"device event {number + 1} of {total}{said}"

    words = (
        "Power cut before the first device event" if cut.at == 0 else f"Power cut after {event(cut.at - 1)}"
    )
    if cut.tear is not None and cut.tear.back == 0:
        words = f"Power cut during {event(cut.at)}: {tear_words(cut.tear)}"
    if cut.lost:
        numbers = [number + 1 for number in cut.lost]
        words += f", with {'events' if len(numbers) > 1 else 'event'} {listed(numbers)} lost"
    if cut.tear is not None and cut.tear.back > 0:
        words += f", and event {cut.at - cut.tear.back + 1} torn: {tear_words(cut.tear)}"
    return words


def damage_words(damage: Damage) -> str:
    """``bit 3 of byte 17 of block 4 flipped``."""
    where = f"{damage.size} bytes at block {damage.block}, offset {damage.off}"
    texts = {
        "flip": f"bit {damage.value} of byte {damage.off} of block {damage.block} flipped",
        "zero": f"zeros in {where}",
        "fill": f"0xff in {where}",
        "garbage": f"garbage in {where}",
        "stale": f"block {damage.block} as it was before device event {damage.event + 1}",
        "read_fails": f"block {damage.block} unreadable",
        "prog_fails": f"block {damage.block} cannot be programmed",
        "erase_fails": f"block {damage.block} cannot be erased",
        "prog_nothing": f"progs of block {damage.block} do nothing and are answered OK",
        "erase_nothing": f"erases of block {damage.block} do nothing and are answered OK",
    }
    return texts[damage.kind]


def fault_words(fault: Fault, total: int, describe: Describe | None = None) -> str:
    """The crash state as the beginning of a sentence. ``total``: device events of the run."""
    if fault.kind == "damage" and fault.damage is not None:
        return f"Closed cleanly, and then {damage_words(fault.damage)}"
    words = [
        f"With no free block left before operation {fault.state}"
        if fault.kind == "full"
        else cut_words(fault.cuts[0], total, describe)
    ]
    words += [_nested_words(cut, level) for level, cut in enumerate(fault.cuts[1:])]
    model = f" (device model {fault.model})" if fault.model else ""
    return ", then ".join(words) + model


def _nested_words(cut: Cut, level: int) -> str:
    which = "the recovery" if level == 0 else "that recovery"
    words = cut_words(cut, cut.at)
    return words.replace("Power cut", f"{which} cut", 1).replace(f" of {cut.at}", "", 1)
