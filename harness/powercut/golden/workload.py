# SPDX-License-Identifier: ISC
"""What an engine is asked to do for a golden set: few operations that bring out every structure of a format.

They are written for the littlefs format and make sense on any: values of every length class, nested
dictionaries, moves, one dictionary that grows and empties, one value that is written again and again, one
dictionary that goes with others that were moved into it; and a device of which a block goes bad.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from powercut.fault import Failing
from powercut.geometry import Geometry
from powercut.ops import Literal, Op
from powercut.trace import DEFAULTS, EngineOptions
from powercut.vocabulary import Profile, bounded, capacity

#: The devices of a set where none is asked for: small blocks, so that little data makes many structures;
#: one whose erase changes nothing; one whose programs are large.
GEOMETRIES = (
    Geometry(16, 16, 256, 96, 0xFF),
    Geometry(64, 64, 512, 48, None),
    Geometry(2048, 2048, 4096, 16, 0xFF),
)

#: What engines are told at format; options that change nothing give no images of their own.
VARIANTS = (DEFAULTS, EngineOptions(disk_minor=1), EngineOptions(value_checks=1))

#: The operation lists.
NAMES = ("values", "tree", "moves", "wide", "log", "apart")

#: Of the worn device: the block of the fifth erase takes no erase any more.
WORN = Failing("erase_bad", 4)


@dataclass(frozen=True, slots=True)
class Workload:
    """A run of a golden set: a name, the device, what the engine is told, what it is to do. variant: what is
    told in words, where the same is done without that, too; failing: the device call that fails."""

    name: str
    geometry: Geometry
    options: EngineOptions
    operations: tuple[Op, ...]
    variant: str = ""
    failing: Failing | None = None


def operations(profile: Profile) -> dict[str, tuple[Op, ...]]:
    """The operation lists by name, as far as the engine can do them and the device has the room."""
    lists: dict[str, Callable[[Profile], Iterator[Op]]] = {
        "values": _values,
        "tree": _tree,
        "moves": _moves,
        "wide": _wide,
        "log": _log,
        "apart": _apart,
    }
    return {name: _possible(profile, make) for name, make in lists.items()}


def worn(profile: Profile) -> tuple[Op, ...]:
    """The list for a device of which a block goes bad."""
    return _possible(profile, _worn)


def _possible(profile: Profile, make: Callable[[Profile], Iterator[Op]]) -> tuple[Op, ...]:
    return tuple(_synced(profile, bounded(profile, _able(profile, make(profile)))))


def _synced(profile: Profile, wanted: Iterator[Op]) -> Iterator[Op]:
    """With a sync after every third, where that is what makes durable."""
    for number, op in enumerate(wanted, 1):
        yield op
        if "sync" in profile.capabilities and number % 3 == 0:
            yield Op("sync", b"")


def _able(profile: Profile, wanted: Iterator[Op]) -> Iterator[Op]:
    """Without what the engine cannot do; without dictionaries a key is one segment."""
    for op in wanted:
        if op.kind in ("set_partial", "allocate", "rename") and op.kind not in profile.capabilities:
            continue
        if profile.nested:
            yield op
        elif not op.key.endswith(b"/"):
            key, target = (name.replace(b"/", b"-")[: profile.name_max] for name in (op.key, op.target))
            yield Op(op.kind, key, target, op.off, op.length, op.value)


def _set(key: bytes, length: int, seed: int = 0) -> Op:
    """A value of so many bytes; each key, and each seed, has bytes of its own."""
    return Op("set", key, value=Literal(_text(f"{sum(key):x}.{seed}", length)))


def _text(mark: str, length: int) -> bytes:
    """Bytes that are small when compressed, and tell where they belong: ``mark:0 mark:1 mark:2 ...``."""
    words = (f"{mark}:{index} " for index in range(length // (len(mark) + 3) + 1))
    return "".join(words).encode()[:length]


def _values(profile: Profile) -> Iterator[Op]:
    """Values of every length class, written over, in part, longer and shorter, and taken away."""
    block = profile.geometry.block_size
    inline = min(1022, block // 8)
    for index, length in enumerate((0, 1, inline, inline + 1, block, block + 1, capacity(3, block))):
        yield _set(b"v%d" % index, length)
    yield _set(b"v4blocks", capacity(4, block))
    yield _set(b"v6blocks", capacity(6, block) - 1)
    yield Op("set_partial", b"v4blocks", off=block, value=Literal(b"in the middle"))
    yield Op("set_partial", b"v2", off=inline - 2, value=Literal(b"partial."))
    yield Op("allocate", b"zeros", length=2 * block)
    yield _set(b"v4blocks", 3, 1)
    yield _set(b"v1", block, 1)
    yield Op("remove", b"v6blocks")
    yield _set(b"v9blocks", capacity(9, block))


def _tree(profile: Profile) -> Iterator[Op]:
    """Dictionaries in dictionaries, empty ones, names of every length; a whole subtree goes at once."""
    yield _set(b"d/e/f/g", 5)
    yield _set(b"d/empty/x", 1)
    yield Op("remove", b"d/empty/x")
    yield _set(b"n" * profile.name_max, 3)
    yield _set(b"d/" + b"m" * (profile.name_max - 1), 2)
    yield _set(b"a", 1)
    yield _set(b"ab", 2)
    yield _set(b"d/e/h", profile.geometry.block_size * 2)
    yield Op("remove", b"d/e")
    yield _set(b"d/e/again", 7)
    yield _set(b"other/deep/down", 9)
    yield Op("remove", b"d")


def _moves(profile: Profile) -> Iterator[Op]:
    """Renames in one dictionary and across, of values and dictionaries, over what is there, below what is
    not there yet."""
    block = profile.geometry.block_size
    for index in range(3):
        yield _set(b"from/%d" % index, 20, index)
        yield _set(b"to/%d" % index, 20, index)
    yield _set(b"from/long", block + 5)
    yield _set(b"from/sub/x", 9)
    yield Op("rename", b"from/0", b"from/zero")
    yield Op("rename", b"from/1", b"to/one")
    yield Op("rename", b"from/long", b"to/long")
    yield Op("rename", b"from/2", b"to/2")
    yield Op("rename", b"from/sub", b"to/sub")
    yield Op("rename", b"to/0", b"new/way/0")
    yield Op("rename", b"to/sub", b"from")
    yield Op("rename", b"from/zero", b"zero")


def _wide(profile: Profile) -> Iterator[Op]:
    """One dictionary that grows over several blocks and empties again, from the middle, the end and the
    front; then one that goes as a whole."""
    names = [b"wide/%02d-name" % index for index in range(14)]
    for name in (names[7], *names[:7], *names[8:]):
        yield _set(name, 14)
    for name in (*names[5:9], *names[:3], *names[:8:-1], *names[3:5]):
        yield Op("remove", name)
    for index in range(8):
        yield _set(b"gone/%02d-name" % index, 14)
    yield Op("remove", b"gone")
    yield Op("remove", b"wide")


def _log(profile: Profile) -> Iterator[Op]:
    """Two values written again and again: the log of their pair fills and is compacted."""
    for index in range(12):
        yield _set(b"log", 10 + index % 3, index)
        if index % 4 == 3:
            yield _set(b"d/other", profile.geometry.block_size // 2, index)


def _apart(_profile: Profile) -> Iterator[Op]:
    """Two dictionaries of several blocks, with others between them, are moved into a third, which goes as a
    whole: parts of it lie apart, and what takes it away comes in several steps."""
    for name in (b"a", b"between", b"b", b"behind"):
        for index in range(5 if name in (b"a", b"b") else 1):
            yield _set(b"%s/%02d-name" % (name, index), 14)
    yield _set(b"c/x", 3)
    yield Op("rename", b"a", b"c/a")
    yield Op("rename", b"b", b"c/b")
    yield Op("remove", b"c")


def _worn(_profile: Profile) -> Iterator[Op]:
    """A value written again and again, in a dictionary that was made before the one beside it."""
    yield _set(b"d/a/value", 9)
    yield _set(b"d/b/x", 9)
    for index in range(8):
        yield _set(b"d/a/value", 10 + index % 3, index)
    yield Op("remove", b"d/b")
