# SPDX-License-Identifier: ISC
"""What operation lists are made of: keys that collide, sizes around every boundary, bounded live data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from powercut.geometry import Geometry
from powercut.ops import Op, segments

#: Keys that no store may take.
BAD_KEYS = (b"", b"/", b".", b"..", b"a/../b", b"d/.", b"a\0b")


#: What a store holds: (key, bytes of the value, or None for a dictionary).
Held = Sequence[tuple[bytes, int | None]]


@dataclass(frozen=True, slots=True)
class Profile:
    """What operations are made for: a geometry, what the engine can do, the longest name in bytes.

    ``full``: let the device run full; else live data stays within what it surely holds.
    """

    geometry: Geometry
    capabilities: frozenset[str] = frozenset({"timestamps", "dictionaries"})
    name_max: int = 255
    full: bool = False

    @property
    def nested(self) -> bool:
        """Whether keys may have more than one segment."""
        return "dictionaries" in self.capabilities


def capacity(blocks: int, block_size: int) -> int:
    """The bytes that a value of so many blocks holds in the littlefs format: its pointers take the rest."""
    pointers = sum((index & -index).bit_length() for index in range(1, blocks))
    return blocks * block_size - 4 * pointers


def boundary_sizes(profile: Profile) -> tuple[int, ...]:
    """Value lengths in bytes around every boundary of the format that the device has room for, sorted."""
    block = profile.geometry.block_size
    edges = [1, min(1022, block // 8), block, 2 * block]
    edges += [capacity(blocks, block) for blocks in (2, 3, 4, 5, 8, 9)]
    limit = max(profile.geometry.size // 24, 2)
    sizes = {edge + delta for edge in edges for delta in (-1, 0, 1)} | {5, 13, 40}
    return tuple(sorted(size for size in sizes if 0 <= size <= limit))


def names(profile: Profile) -> tuple[bytes, ...]:
    """Names that are prefixes of each other, not all letters, and as long as they may be."""
    longest = profile.name_max
    many = (b"a", b"b", b"aa", b"ab", b"a b", b"a.", b"A", "ä".encode(), b"a%", b"lfs", b"-" * 8)
    long = (b"n" * longest, b"n" * (longest - 1), b"m" * (longest // 2 + 1))
    return tuple(name for name in many + long if 0 < len(name) <= longest)


def bad_keys(profile: Profile) -> tuple[bytes, ...]:
    """Keys that must be refused; of one segment, where the engine has no dictionaries."""
    bad = (*BAD_KEYS, b"t" * (profile.name_max + 1), b"d/" + b"t" * (profile.name_max + 1))
    return bad if profile.nested else tuple(key for key in bad if len(segments(key)) < 2)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one list of operations: those that are meant for values, those for dictionaries."""

    values: tuple[bytes, ...]
    dictionaries: tuple[bytes, ...]

    @property
    def all(self) -> tuple[bytes, ...]:
        """Both."""
        return self.values + self.dictionaries


def tree_keys(profile: Profile) -> Keys:
    """Deep and shallow keys, some below others, one a value here and on the way to a value there."""
    first, *rest = names(profile)
    flat = tuple(rest[:6]) + names(profile)[-3:]
    if not profile.nested:
        return Keys(flat, ())
    deep = b"/".join([b"d"] * 6)
    values = (b"d/" + first, b"d/ab", b"d/e/f", b"d/e/g", b"d/e/h", deep + b"/v", b"x/y/z/w", b"x/y/v")
    return Keys(
        flat[3:] + values + (b"d/" + rest[-1],), (b"d", b"d/e", b"d/d/d", b"x", b"x/y", b"x/y/z", first)
    )


def wide_keys(profile: Profile, count: int, length: int) -> Keys:
    """So many values in one dictionary, with names of about ``length`` bytes: its pairs split."""
    length = max(min(length, profile.name_max), 4)
    inside = tuple(b"%03d" % index + b"w" * (length - 3) for index in range(count))
    if not profile.nested:
        return Keys(inside, ())
    return Keys((*(b"wide/" + name for name in inside), b"other"), (b"wide",))


#: Blocks below which a device is small.
SMALL = 16


@dataclass(slots=True)
class Budget:
    """Follows what may be live, and says what could fill the device.

    It counts what an engine of the littlefs format may need with every pair half full. An engine that needs
    more meets a full device now and then, which is no harm.
    """

    profile: Profile
    live: dict[bytes, float] = field(default_factory=dict)
    blocks: float = 4.0

    def __post_init__(self) -> None:
        """On a device of a few blocks what is always in use must leave room for something to be tested."""
        if self.profile.geometry.block_count < SMALL:
            self.blocks = self.profile.geometry.block_count / 8

    def hold(self, key: bytes, size: int) -> None:
        """Counts what is there from the start, ``size`` in bytes."""
        self._take(key, self._cost(key, size))

    def add(self, op: Op) -> bool:
        """Takes the operation into account; False: it could fill the device, and is not taken."""
        if op.kind == "remove":
            self._forget(op.key)
        size = op.length if op.kind == "allocate" else 0 if op.value is None else op.value.length + op.off
        if op.kind not in ("set", "set_partial", "allocate", "rename"):
            return True
        key = op.target if op.kind == "rename" else op.key
        cost = self._cost(key, size)
        room = self.profile.geometry.block_count * (1.0 if self.profile.full else 0.6)
        if self.blocks - self.live.get(key, 0.0) + 2 * cost > room:
            return False
        self._take(key, cost)
        return True

    def _take(self, key: bytes, cost: float) -> None:
        self.blocks += cost - self.live.get(key, 0.0)
        self.live[key] = cost

    def _cost(self, key: bytes, size: int) -> float:
        """Blocks of the value, its part of a pair of half-full blocks, and pairs for new dictionaries."""
        block = self.profile.geometry.block_size
        inline = min(1022, block // 8)
        ways = [b"/".join(segments(key)[:depth]) for depth in range(1, len(segments(key)))]
        new = sum(2.0 for way in ways if not any(known.startswith(way + b"/") for known in self.live))
        stored = len(key) + 48 + min(size, inline)
        return new + 4.0 * stored / block + (0 if size <= inline else 1 + size // (block - 8))

    def _forget(self, key: bytes) -> None:
        below = key + b"/"
        for gone in [known for known in self.live if known == key or known.startswith(below)]:
            self.blocks -= self.live.pop(gone)


def bounded(profile: Profile, operations: Iterable[Op], held: Held = ()) -> Iterator[Op]:
    """The operations without those that could fill the device; in their place what is live is removed.

    ``held``: what the store holds before them.
    """
    budget = Budget(profile)
    for key, size in held:
        budget.hold(key, size or 0)
    for op in operations:
        if budget.add(op):
            yield op
        elif budget.live:
            remove = Op("remove", next(iter(budget.live)))
            budget.add(remove)
            yield remove
