# SPDX-License-Identifier: ISC
"""Workloads on devices that have no room left."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from powercut.generate import GEOMETRIES
from powercut.ops import Generated, Op
from powercut.trace import EngineRef, Trace
from powercut.vocabulary import Profile, boundary_sizes, tree_keys

#: Small devices, which are soon full.
SMALL = tuple(
    replace(geometry, block_count=count)
    for geometry, count in zip(GEOMETRIES[:7], (24, 16, 64, 32, 12, 20, 48), strict=True)
)


@dataclass(frozen=True, slots=True)
class FullSource:
    """Traces of ``count`` operations that fill the device in their first third, and go on there."""

    seed: int
    count: int
    profiles: tuple[Profile, ...]
    engine: EngineRef

    def trace(self, index: int) -> Trace:
        """Trace number ``index``."""
        profile = self.profiles[index % len(self.profiles)]
        draw = random.Random(_number(self.seed, index))
        made = tuple(_filling(profile, draw, self.count))
        note = f"generated, the device is full: seed {self.seed}, trace {index}"
        return Trace(profile.geometry, made, self.engine, note=note)


def _number(seed: int, index: int) -> int:
    text = f"full:{seed * 1_000_003 + index}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little")


def _filling(profile: Profile, draw: random.Random, count: int) -> Iterator[Op]:
    """Values that together are more than the device holds; then changes among them."""
    keys = list(tree_keys(profile).values)
    keys += [b"k%02d" % number for number in range(max(count // 3 - len(keys), 0))]
    draw.shuffle(keys)
    first = max(count // 3, 1)
    large = max(profile.geometry.size * 3 // (2 * first), 1)
    small = boundary_sizes(profile)
    for number in range(count):
        key = keys[number % len(keys)] if number < first else draw.choice(keys[: first + 2])
        size = draw.randrange(large // 2, large + 1) if draw.random() < 0.7 else draw.choice(small)
        kind = "set" if number < first else _kind(profile, draw)
        value = Generated(draw.getrandbits(32), size) if kind in ("set", "set_partial") else None
        off = draw.choice((0, 1, size, 1 << 30)) if kind == "set_partial" else 0
        target = draw.choice(keys) if kind == "rename" else b""
        yield Op(kind, b"" if kind == "sync" else key, target, off, size if kind == "allocate" else 0, value)


def _kind(profile: Profile, draw: random.Random) -> str:
    """A kind of operation that the engine can do."""
    weights = {"set": 40, "remove": 16, "get": 6, "list": 2, "size": 2}
    others = {"set_partial": 12, "allocate": 8, "rename": 12, "sync": 10}
    weights |= {kind: weight for kind, weight in others.items() if kind in profile.capabilities}
    return draw.choices(list(weights), list(weights.values()))[0]
