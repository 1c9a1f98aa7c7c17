# SPDX-License-Identifier: ISC
"""Every crash state of a log, listed a second time: slowly, with whole images, from docs/states.md alone.

It shares nothing with the explorer but the names of crash states (``powercut.fault``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from powercut.fault import Cut, Damage, Fault, Tear
from tearing import (
    LISTED,
    MOD,
    Log,
    Model,
    draws,
    garbage,
    part,
    splitmix64,
    tears_of,
    torn_image,
)

WINDOW = 64
GRANULE = 16
SECTOR = 512

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class State:
    """A crash state, and the device's bytes in it. ``sampled``: a seed had a say in it."""

    fault: Fault
    image: bytes
    sampled: bool = False


@dataclass(slots=True)
class Tally:
    """Counts by (model, kind): states listed, of them samples, cuts at which the model allows more."""

    total: Counter[Key] = field(default_factory=Counter)
    sampled: Counter[Key] = field(default_factory=Counter)
    beyond: Counter[Key] = field(default_factory=Counter)


# --- torn ---------------------------------------------------------------------------------------------------


def torn(log: Log, model: Model, at: int, seeds: Sequence[int]) -> tuple[list[State], bool]:
    """(the torn states at a cut, whether the model allows more)."""
    tears = tears_of(log, model, at, seeds) if at < len(log.events) else None
    if tears is None:
        return [], False
    found = []
    for tear, drawn in tears.found:
        fault = Fault("torn", (Cut(at, (), tear),), None, model.name)
        found.append(State(fault, torn_image(tear, tears.whole, log.states[at]), drawn))
    return found, tears.beyond


# --- reorder ---------------------------------------------------------------------------------------------


def window(log: Log, at: int) -> tuple[list[int], bool]:
    """(what may be lost at a cut: event numbers, newest first; whether there would be more)."""
    after_sync = 0
    for number in range(at):
        if log.events[number].kind == "sync":
            after_sync = number + 1
    first = max(after_sync, at - WINDOW)
    numbers = [number for number in reversed(range(first, at)) if log.effective(number)]
    return numbers, first > after_sync


def losses(n: int, seeds: Sequence[int]) -> tuple[list[set[int]], list[set[int]]]:
    """(sets of lost events, numbered from the newest, in order; the samples behind them)."""
    if n <= LISTED:
        masks, drawn = list(range(1, 2**n)), []
    else:
        every = set(range(n))
        runs = [set(range(i, i + long)) for long in range(2, n - 1) for i in range(n - long + 1)]
        listed = [every, *({i} for i in range(n)), *(every - {i} for i in range(n)), *runs]
        masks = [sum(2**i for i in lost) for lost in listed]
        drawn = [b % 2**n or 1 for b in seeds]
    return [bits(mask, n) for mask in masks], [bits(mask, n) for mask in drawn]


def bits(mask: int, n: int) -> set[int]:
    """The bits that are set among the lowest n."""
    return {i for i in range(n) if mask >> i & 1}


def survivors(log: Log, at: int, first: int, lost: set[int], model: Model, tear: Tear | None) -> bytes:
    """The image with events ``first`` to ``at`` - 1 applied, but for those lost, and one torn."""
    image = log.states[first]
    for number in range(first, at):
        if tear is not None and number == at - tear.back:
            whole = part(log, model, number)
            assert whole is not None
            image = torn_image(tear, whole, image)
        elif number not in lost:
            image = log.apply(image, number)
    return image


def plain_tears(log: Log, model: Model, number: int) -> list[Tear]:
    """The tears of an event that are no samples and do not depend on what was there before."""
    tears = tears_of(log, model, number)
    return [] if tears is None else [tear for tear, _ in tears.found if tear.kind != "bits"]


def by_bits(log: Log, model: Model, number: int) -> bool:
    """Whether single bits of an event may arrive."""
    whole = part(log, model, number)
    return whole is not None and "bits" in whole.rules


def torn_losses(
    log: Log, model: Model, at: int, numbers: list[int], seeds: Sequence[int]
) -> Iterator[tuple[set[int], Tear]]:
    """Samples: lost event numbers, and a tear of one that survived."""
    n = len(numbers)
    lists = [plain_tears(log, model, number) for number in numbers]
    if not any(lists):
        return
    for b in seeds:
        c = splitmix64(b)
        i = c % n
        while not lists[i]:
            i = (i + 1) % n
        tear = lists[i][(c >> 16) % len(lists[i])]
        lost = {numbers[x] for x in bits(splitmix64(c), n)} - {numbers[i]}
        yield lost, Tear(tear.kind, tear.unit, tear.a, tear.b, at - numbers[i])


def reorder(log: Log, model: Model, at: int, seeds: Sequence[int]) -> tuple[list[State], bool]:
    """(the reorder states at a cut, whether the model allows more)."""
    if not model.reorders or at == 0:
        return [], False
    numbers, shortened = window(log, at)
    n = len(numbers)
    if n == 0:
        return [], shortened
    first = min(numbers)
    listed, drawn = losses(n, seeds)
    states = []

    def add(lost: set[int], tear: Tear | None, sampled: bool) -> None:
        fault = Fault("reorder", (Cut(at, tuple(sorted(lost)), tear),), None, model.name)
        states.append(State(fault, survivors(log, at, first, lost, model, tear), sampled))

    for one in listed:
        add({numbers[i] for i in one}, None, False)
    for one in drawn:
        add({numbers[i] for i in one}, None, True)
    for lost, tear in torn_losses(log, model, at, numbers, seeds):
        add(lost, tear, True)
    tears = any(plain_tears(log, model, number) or by_bits(log, model, number) for number in numbers)
    return states, shortened or n > LISTED or tears


# --- damage ----------------------------------------------------------------------------------------------


def replaced(image: bytes, at: int, new: bytes) -> bytes:
    """The image with other bytes at an address."""
    return image[:at] + new + image[at + len(new) :]


def flips(log: Log, seed: int) -> Iterator[tuple[Damage, bytes]]:
    """One bit of each granule turned over."""
    image, block_size = log.states[-1], log.geometry.block_size
    for g, start in enumerate(range(0, len(image), GRANULE)):
        size = min(GRANULE, len(image) - start)
        h = splitmix64((seed + g) % MOD)
        at, bit = start + h % size, (h >> 8) % 8
        flipped = replaced(image, at, bytes([image[at] ^ 1 << bit]))
        yield Damage("flip", at // block_size, at % block_size, 1, bit), flipped


def overwritten(log: Log) -> Iterator[tuple[Damage, bytes]]:
    """Sectors of zeros, of 0xff, of garbage."""
    image, block_size = log.states[-1], log.geometry.block_size
    for kind in ("zero", "fill", "garbage"):
        for block in range(log.geometry.block_count):
            for off in range(0, block_size, SECTOR):
                at, size = block * block_size + off, min(SECTOR, block_size - off)
                new = {
                    "zero": bytes(size),
                    "fill": b"\xff" * size,
                    "garbage": garbage(len(log.events), at, size),
                }
                yield Damage(kind, block, off, size), replaced(image, at, new[kind])


def stale(log: Log) -> Iterator[tuple[Damage, bytes]]:
    """One block as it was before an event."""
    size = log.geometry.block_size
    for number, event in enumerate(log.events):
        if log.effective(number):
            at = event.block * size
            image = replaced(log.states[-1], at, log.states[number][at : at + size])
            yield Damage("stale", event.block, 0, size, 0, number), image


def failing(log: Log) -> Iterator[tuple[Damage, bytes]]:
    """A block that fails from now on; the device's bytes are as the run left them."""
    for kind in ("read_fails", "prog_fails", "erase_fails", "prog_nothing", "erase_nothing"):
        for block in range(log.geometry.block_count):
            yield Damage(kind, block), log.states[-1]


def damage(log: Log, seed: int) -> Iterator[State]:
    """All damage states, in order."""
    cut = (Cut(len(log.events)),)
    for found in (flips(log, seed), overwritten(log), stale(log), failing(log)):
        for what, image in found:
            yield State(Fault("damage", cut, what), image)


# --- all of them -----------------------------------------------------------------------------------------


def untouched(fault: Fault) -> bool:
    """Whether nothing is torn or lost in any cut."""
    return not any(cut.lost or cut.tear for cut in fault.cuts)


def nested(
    recovery: Log,
    models: Sequence[Model],
    parent: Fault,
    kinds: Sequence[str],
    *,
    samples: int = 0,
    seed: int = 0,
    tally: Tally | None = None,
) -> Iterator[State]:
    """The cuts of the recovery from ``parent``, whose log is given."""
    allowed = [one for one in models if untouched(parent) or one.name == parent.model]
    inner = Tally()
    for state in states(recovery, allowed, kinds, samples=samples, seed=seed, tally=inner):
        cut, model = state.fault.cuts[0], state.fault.model or parent.model
        if cut.at == 0 and cut.tear is None:
            inner.total["", "prefix"] -= 1  # the parent itself
        else:
            yield State(Fault("nested", (*parent.cuts, cut), None, model), state.image, state.sampled)
    tally = Tally() if tally is None else tally
    for name in ("total", "sampled", "beyond"):
        for (model, _), count in getattr(inner, name).items():
            getattr(tally, name)[model or parent.model, "nested"] += count


def states(
    log: Log,
    models: Sequence[Model],
    kinds: Sequence[str],
    *,
    samples: int = 0,
    seed: int = 0,
    operations: int = 0,
    cuts: range | None = None,
    tally: Tally | None = None,
) -> Iterator[State]:
    """Every crash state in the page's order; counts go into ``tally``. ``full`` states have no image.
    ``cuts``: only these, and neither damage nor full."""
    tally = Tally() if tally is None else tally

    def count(found: Sequence[State], model: str, kind: str, beyond: bool) -> Iterator[State]:
        tally.total[model, kind] += len(found)
        tally.sampled[model, kind] += sum(state.sampled for state in found)
        tally.beyond[model, kind] += beyond
        yield from found

    for at in range(len(log.events) + 1) if cuts is None else cuts:
        seeds = draws(seed, at, samples)
        if "prefix" in kinds:
            yield from count([State(Fault("prefix", (Cut(at),)), log.states[at])], "", "prefix", False)
        for model in models:
            if "torn" in kinds:
                found, beyond = torn(log, model, at, seeds)
                yield from count(found, model.name, "torn", beyond)
            if "reorder" in kinds:
                found, beyond = reorder(log, model, at, seeds)
                yield from count(found, model.name, "reorder", beyond)
    if "damage" in kinds and cuts is None:
        yield from count(list(damage(log, seed)), "", "damage", True)
    if "full" in kinds and cuts is None:
        full = [State(Fault("full", (Cut(i),)), b"") for i in range(operations + 1)]
        yield from count(full, "", "full", False)
