# SPDX-License-Identifier: ISC
"""Smaller operations, names and devices to try, the smallest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from powercut.geometry import Geometry
from powercut.ops import Generated, Literal, Op, segments
from powercut.trace import Trace
from powercut.vocabulary import Profile, boundary_sizes

#: Blocks of a device on which a value may be of every length that is worth a try.
_ROOMY = 256


def replaced(operations: Sequence[Op], index: int, op: Op) -> list[Op]:
    """The operations with another one at ``index``."""
    return [*operations[:index], op, *operations[index + 1 :]]


def simpler(trace: Trace, index: int) -> Iterator[Op]:
    """Operation ``index`` with smaller numbers, the smallest first."""
    op = trace.operations[index]
    if op.kind == "set_partial":
        yield Op("set", op.key, value=op.value)
    yield from (replace(op, off=small) for small in (0, 1, op.off // 2) if small < op.off)
    yield from (replace(op, length=small) for small in (0, 1, op.length // 2) if small < op.length)
    if op.value is None:
        return
    length = op.value.length
    texts = [Literal(b""), Literal(b"%d" % index)]
    yield from (replace(op, value=text) for text in texts if (text.length, 0) < (length, _plain(op)))
    lengths = sorted({length // 2, length - max(length // 64, 1), *_edges(trace)})
    for small in (small for small in lengths if 8 < small < length):
        yield replace(op, value=Generated(index, small))
    if isinstance(op.value, Generated) and op.value.seed != index:
        yield replace(op, value=Generated(index, length))
    if isinstance(op.value, Literal) and length > 64:
        yield replace(op, value=Generated(index, length))


def _plain(op: Op) -> int:
    """0 for the text that values end as, else 1."""
    return int(not (isinstance(op.value, Literal) and op.value.data.isdigit()))


def _edges(trace: Trace) -> tuple[int, ...]:
    """On a device as large as it was made for: by now it may be smaller than that."""
    return boundary_sizes(Profile(replace(trace.geometry, block_count=_ROOMY)))


def names(operations: Sequence[Op]) -> set[bytes]:
    """Every name in a key."""
    return {name for op in operations for key in (op.key, op.target) for name in segments(key)}


def shorter(name: bytes, taken: set[bytes]) -> Iterator[bytes]:
    """Names to try in its place: a free letter, then the same letter at some shorter length."""
    if len(name) > 1:
        letters = (bytes([letter]) for letter in b"abcdefghijklmnopqrstuvwxyz")
        free = next((letter for letter in letters if letter not in taken), None)
        if free is not None:
            yield free
            yield from (free * length for length in (len(name) // 4, len(name) // 2) if length > 1)


def renamed(op: Op, old: bytes, new: bytes) -> Op:
    """The operation with a name changed wherever it is in a key."""

    def change(key: bytes) -> bytes:
        return b"/".join(new if part == old else part for part in segments(key))

    return replace(op, key=change(op.key), target=change(op.target))


def without(op: Op, name: bytes) -> Op:
    """The operation with a dictionary on the way left out."""

    def change(key: bytes) -> bytes:
        *way, last = segments(key) or [b""]
        return b"/".join([part for part in way if part != name] + [last])

    return replace(op, key=change(op.key), target=change(op.target))


def smaller_devices(geometry: Geometry) -> Iterator[Geometry]:
    """Fewer blocks, then smaller ones."""
    count, size = geometry.block_count, geometry.block_size
    for fewer in dict.fromkeys((2, 3, 4, 6, 8, 12, 16, 24, 32, count // 4, count // 2, count * 3 // 4)):
        if 2 <= fewer < count:
            yield replace(geometry, block_count=fewer)
    if size >= 256 and size // 2 % max(geometry.prog_size, geometry.read_size) == 0:
        yield replace(geometry, block_size=size // 2)
