# SPDX-License-Identifier: ISC
"""Inputs of the fuzzer as traces, and traces as inputs: csrc/fuzz/input.c in Python.

Any bytes are an input, and each has one canonical form: what ``pack`` makes of what ``unpack`` read. The
inputs of a corpus are canonical. A device and a list of operations are all that an input holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from powercut.errors import PowercutError
from powercut.geometry import Geometry
from powercut.ops import KINDS, Generated, Literal, Op, op_text, segments
from powercut.trace import DEFAULTS, EngineRef, Trace

#: Strings that every input has: keys, and values that are written out.
KNOWN: Final = (
    b"a",
    b"b",
    b"c",
    b"d",
    b"d/a",
    b"d/b",
    b"d/e",
    b"d/e/f",
    b"d/e/g",
    b"x",
    b"x/y",
    b"x/y/z",
    b"aa",
    b"",
    b"n" * 40,
    b".",
)

#: Shapes of devices by number: read, prog and block size in bytes, what an erased byte reads as.
SHAPES: Final = (
    (16, 16, 512, 0xFF),
    (16, 16, 4096, 0xFF),
    (1, 1, 128, 0xFF),
    (64, 64, 256, None),
    (512, 512, 4096, 0x00),
    (8, 32, 1024, None),
    (16, 8, 128, 0x00),
    (16, 16, 256, 0xFF),
)

STRINGS_MAX: Final = 239
STRING_MAX: Final = 1023
POOL_MAX: Final = 16_384
OPS_MAX: Final = 256
VALUE_MAX: Final = 65_536
DEVICE_MAX: Final = 1 << 20
BLOCKS_MIN: Final = 4

_WRITTEN_SHAPE: Final = 255
_NO_ERASE: Final = 2**32 - 1
_KIND_NAMES: Final = {number: name for name, number in KINDS.items()}
_ABLE: Final = frozenset({"set_partial", "allocate", "rename", "digest", "last_modified", "sync"})
_WITH_VALUE: Final = frozenset({"set", "set_partial"})
_WITH_OFF: Final = frozenset({"get_partial", "set_partial"})


def unpack(data: bytes) -> tuple[Geometry, tuple[Op, ...]]:
    """The device and the operations that an input holds."""
    reader = _Reader(data)
    geometry = _read_geometry(reader)
    strings = [*KNOWN, *_read_strings(reader)]
    made: list[Op] = []
    while reader.left >= 16 and len(made) < OPS_MAX:
        made.append(_read_op(reader, strings))
    return geometry, tuple(made)


def pack(geometry: Geometry, operations: Iterable[Op]) -> bytes:
    """The input that holds these. Raises ValueError with the rest of a sentence where no input can."""
    strings = _Strings()
    made = [_packed_op(op, strings) for op in operations]
    if len(made) > OPS_MAX:
        raise ValueError(f"has {len(made)} operations, and an input at most {OPS_MAX}")
    parts = [_packed_geometry(geometry), bytes([len(strings.written)])]
    parts += [len(string).to_bytes(2, "little") + string for string in strings.written]
    return b"".join([*parts, *made])


def trace_of(data: bytes, engine: EngineRef, note: str = "") -> Trace:
    """An input as a trace."""
    geometry, operations = unpack(data)
    return Trace(geometry, operations, engine, note=note)


def input_of(trace: Trace) -> bytes:
    """A trace's device and operations as an input; its fault and its verdict are left behind. Raises
    PowercutError where an input cannot hold them."""
    try:
        if trace.image is not None:
            raise ValueError("begins with an image, and an input with a fresh store")
        if trace.engine.options != DEFAULTS:
            raise ValueError("has options for the engine, and an input has none")
        return pack(trace.geometry, trace.operations)
    except ValueError as error:
        raise PowercutError(f"No input can hold this trace: it {error}.") from error


def restrict(operations: Iterable[Op], capabilities: frozenset[str]) -> tuple[Op, ...]:
    """The operations without those that an engine cannot do."""
    return tuple(op for op in operations if _able(op, capabilities))


def name_of(data: bytes) -> str:
    """The name that libFuzzer gives the file of an input: the SHA-1 of its bytes."""
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def _able(op: Op, capabilities: frozenset[str]) -> bool:
    nested = max(len(segments(op.key)), len(segments(op.target))) > 1
    needed = {op.kind} & _ABLE | ({"dictionaries"} if nested else set())
    return needed <= capabilities


# --- reading ---------------------------------------------------------------------------------------------


class _Reader:
    """Takes bytes from the front; what is not there counts as zeros."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        self._at += len(taken)
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")


def _read_geometry(reader: _Reader) -> Geometry:
    shape = reader.number(1)
    read, prog, block, erase = SHAPES[shape % len(SHAPES)]
    if shape == _WRITTEN_SHAPE:
        one, two, three, four = (reader.number(4) for _ in range(4))
        made = Geometry(one, two, three, BLOCKS_MIN, None if four > 255 else four)
        fits = made.problem() is None and made.block_size <= DEVICE_MAX // BLOCKS_MIN
        if fits:
            read, prog, block, erase = made.read_size, made.prog_size, made.block_size, made.erase_value
        else:
            read, prog, block, erase = SHAPES[0]
    count, most = reader.number(2), DEVICE_MAX // block
    if not BLOCKS_MIN <= count <= most:
        count = BLOCKS_MIN + count % (most - BLOCKS_MIN + 1)
    return Geometry(read, prog, block, count, erase)


def _read_strings(reader: _Reader) -> list[bytes]:
    strings: list[bytes] = []
    room = POOL_MAX
    for _ in range(reader.number(1) % (STRINGS_MAX + 1)):
        if not reader.left:
            break
        string = reader.take(min(reader.number(2) % (STRING_MAX + 1), room))
        strings.append(string)
        room -= len(string)
    return strings


def _read_op(reader: _Reader, strings: list[bytes]) -> Op:
    kind = _KIND_NAMES[1 + reader.number(1) % len(KINDS)]
    key, other = (strings[reader.number(1) % len(strings)] for _ in range(2))
    written = reader.number(1) & 1
    number, off, seed = (reader.number(4) for _ in range(3))
    if kind in (*_WITH_VALUE, "allocate") and number > VALUE_MAX:
        number %= 257
    if kind == "sync":
        return Op(kind, b"")
    off = off if kind in _WITH_OFF else 0
    if kind in _WITH_VALUE:
        return Op(kind, key, off=off, value=Literal(other) if written else Generated(seed, number))
    length = number if kind in ("allocate", "get_partial") else 0
    return Op(kind, key, other if kind == "rename" else b"", off, length)


# --- writing ---------------------------------------------------------------------------------------------


@dataclass
class _Strings:
    """Numbers of strings: those that are known, then those that are written, in the order of their use."""

    written: list[bytes] = field(default_factory=list)

    def number(self, string: bytes) -> int:
        for strings, first in ((list(KNOWN), 0), (self.written, len(KNOWN))):
            if string in strings:
                return first + strings.index(string)
        if len(string) > STRING_MAX:
            raise ValueError(f"has a key or a written value of more than {STRING_MAX} bytes")
        if len(self.written) == STRINGS_MAX or sum(map(len, self.written)) + len(string) > POOL_MAX:
            raise ValueError(
                f"has more than {STRINGS_MAX} keys and written values, or {POOL_MAX} bytes of them"
            )
        self.written.append(string)
        return len(KNOWN) + len(self.written) - 1


def _packed_geometry(geometry: Geometry) -> bytes:
    most = DEVICE_MAX // geometry.block_size
    if not BLOCKS_MIN <= geometry.block_count <= most:
        raise ValueError(
            f"has {geometry.block_count} blocks of {geometry.block_size} bytes, and an input {BLOCKS_MIN} "
            f"blocks or more, of at most {DEVICE_MAX} bytes together"
        )
    shape = (geometry.read_size, geometry.prog_size, geometry.block_size, geometry.erase_value)
    count = geometry.block_count.to_bytes(2, "little")
    if shape in SHAPES:
        return bytes([SHAPES.index(shape)]) + count
    numbers = [*shape[:3], _NO_ERASE if geometry.erase_value is None else geometry.erase_value]
    return bytes([_WRITTEN_SHAPE]) + b"".join(one.to_bytes(4, "little") for one in numbers) + count


def _packed_op(op: Op, strings: _Strings) -> bytes:
    key = 0 if op.kind == "sync" else strings.number(op.key)
    other, written, number, seed = 0, 0, op.length, 0
    if op.kind == "rename":
        other = strings.number(op.target)
    elif isinstance(op.value, Literal):
        other, written = strings.number(op.value.data), 1
    elif isinstance(op.value, Generated):
        number, seed = op.value.length, op.value.seed
    if op.kind != "get_partial" and number > VALUE_MAX:
        raise ValueError(f"has a value of {number} bytes, and an input none of more than {VALUE_MAX}")
    if max(number, op.off, seed) >= 2**32:
        raise ValueError(f"has a number of more than 32 bits in {op_text(op)}")
    fields = b"".join(one.to_bytes(4, "little") for one in (number, op.off, seed))
    return bytes([KINDS[op.kind] - 1, key, other, written]) + fields
