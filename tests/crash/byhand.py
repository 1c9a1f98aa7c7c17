# SPDX-License-Identifier: ISC
"""A recovery done by hand on a recorded device: the steps of docs/faults.md, one call of the engine after the
other, and what is allowed if it is cut in its turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from powercut.engine import PROBE_KEY, Engine
from powercut.geometry import Geometry
from powercut.hashes import Hash, StoreHash
from powercut.native import ffi, lib
from powercut.ops import Literal, Op
from powercut_models import Row
from tearing import Event

MASK = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was done to the device, the device after it, and the store that was read. ``read``: events before
    the first read ended; ``steps``: of each operation, the fresh set first, how many there were before it
    began, and when it had returned; ``codes``: what the others answered."""

    events: list[Event]
    image: bytes
    rows: tuple[Row, ...]
    read: int
    steps: tuple[tuple[int, int], ...]
    codes: tuple[int, ...] = ()

    def allowed(self, k: int, under_way: bool, parent: set[Hash], stores: Sequence[Hash]) -> set[Hash]:
        """The stores that are right if recovery is cut after ``k`` events, or during event ``k``.
        ``stores``: what was read, and what is there after each step."""
        if k < self.read:
            return parent
        right = {stores[0]}
        for (begin, end), after in zip(self.steps, stores[1:], strict=True):
            if k >= end:
                right = {after}
            elif k + under_way > begin:
                right = right | {after}
        return right


class RecordedDevice:
    """A device in memory that logs what is done to it."""

    def __init__(self, geometry: Geometry, image: bytes) -> None:
        self.geometry = geometry
        self.memory = bytearray(image)
        self._buffer = ffi.from_buffer("uint8_t[]", self.memory, require_writable=True)
        self._ram, self._log = ffi.new("struct bd *"), ffi.new("struct bd_log **")
        self.device = ffi.new("struct bd *")
        erase = -1 if geometry.erase_value is None else geometry.erase_value
        sizes = (geometry.read_size, geometry.prog_size, geometry.block_size, geometry.block_count, erase)
        shape = ffi.new("struct bd_geometry *", sizes)
        assert lib.bd_ram_wrap(shape, self._buffer, self._ram) == 0
        assert lib.bd_log_new(self._log) == 0
        assert lib.bd_record_open(self._ram, self._log[0], self.device) == 0

    def count(self) -> int:
        return int(lib.bd_log_count(self._log[0]))

    def events(self) -> list[Event]:
        found = []
        for index in range(self.count()):
            one = ffi.new("struct bd_event *")
            lib.bd_log_get(self._log[0], index, one)
            data = bytes(ffi.buffer(one.bytes, one.size)) if one.kind == 1 and one.size else b""
            kind = {1: "prog", 2: "erase", 3: "sync"}[one.kind]
            found.append(Event(kind, one.block, one.off, data))
        return found

    def close(self) -> None:
        lib.bd_close(self.device)
        lib.bd_close(self._ram)
        lib.bd_log_free(self._log[0])


class Hand:
    """The engine's functions, called one by one."""

    def __init__(self, engine: Engine, device: Any) -> None:
        self._engine, self._device = engine.pointer, device
        self._store: Any = None

    def mount(self) -> None:
        store = ffi.new("void **")
        assert self._engine.mount(self._device, ffi.new("struct pc_options *"), store) == 0
        self._store = store[0]

    def unmount(self) -> None:
        self._engine.unmount(self._store)

    def read(self) -> tuple[Row, ...]:
        rows = []

        def keep(entry: Any) -> int:
            time = (int(entry.time.days), int(entry.time.picoseconds)) if entry.has_time else None
            data = bytes(ffi.buffer(entry.data, entry.size)) if entry.size else b""
            value = entry.kind == 1
            rows.append(
                Row(
                    bytes(ffi.buffer(entry.key, entry.key_len)),
                    "value" if value else "dictionary",
                    data if value else None,
                    time,
                )
            )
            return 0

        handle = ffi.new_handle(keep)
        assert self._engine.visit(self._store, lib.py_on_visit, handle) == 0
        return tuple(rows)

    def check(self) -> None:
        if self._engine.capabilities & lib.PC_CAN_CHECK:
            text = ffi.new("char[]", 256)
            assert self._engine.check(self._store, text, 256) == 0, ffi.string(text)

    def apply(self, op: Op, now: tuple[int, int]) -> int:
        """A change at a time."""
        code = {"set": lib.PC_OP_SET, "remove": lib.PC_OP_REMOVE, "rename": lib.PC_OP_RENAME}
        key, target, data = op.key, op.target, op.data() if op.kind == "set" else b""
        made = ffi.new("struct pc_op *")
        made.kind, made.now = code[op.kind], now
        made.key, made.key_len = ffi.from_buffer("char[]", key), len(key)
        made.target, made.target_len = ffi.from_buffer("char[]", target), len(target)
        made.data, made.data_len = ffi.from_buffer("uint8_t[]", data), len(data)
        return int(self._engine.apply(self._store, made, ffi.new("struct pc_reply *")))


PROBE = Op("set", PROBE_KEY, value=Literal(PROBE_KEY))


def recover(
    engine: Engine,
    geometry: Geometry,
    image: bytes,
    later: Sequence[tuple[Op, tuple[int, int]]] = (),
) -> Recovery:
    """Mount, read, check; mount and read once more; set the fresh key; mount, read and check once more.
    ``later``: changes with which it goes on, each with its time; then read, mount, read and check."""
    device = RecordedDevice(geometry, image)
    hand = Hand(engine, device.device)
    hand.mount()
    rows = hand.read()
    read = device.count()
    hand.check()
    hand.unmount()
    hand.mount()
    hand.read()
    begin = device.count()
    assert hand.apply(PROBE, (0, 0)) == 0
    steps, codes = [(begin, device.count())], []
    look_again(hand)
    for op, now in later:
        begin = device.count()
        codes.append(hand.apply(op, now))
        steps.append((begin, device.count()))
    if later:
        hand.read()
        look_again(hand)
    hand.unmount()
    made = Recovery(device.events(), bytes(device.memory), rows, read, tuple(steps), tuple(codes))
    device.close()
    return made


def look_again(hand: Hand) -> None:
    """One more mount, that is read and checked."""
    hand.unmount()
    hand.mount()
    hand.read()
    hand.check()


def store_hash(rows: tuple[Row, ...], *, timestamps: bool) -> Hash:
    """The hash of a whole store."""
    return StoreHash(timestamps=timestamps).change((), rows)


def with_probe(rows: tuple[Row, ...], *, timestamps: bool) -> tuple[Row, ...]:
    """The store with the fresh key in it."""
    time = (0, 0) if timestamps else None
    kept = [row for row in rows if row.key != PROBE_KEY]
    return (*kept, Row(PROBE_KEY, "value", PROBE_KEY, time))
