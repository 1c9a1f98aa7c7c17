# SPDX-License-Identifier: ISC
"""An engine under test, a recorded run of it, the exploration of its crash states: the C explorer's face."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from powercut import littlefs_library
from powercut.errors import PowercutError
from powercut.geometry import Geometry
from powercut.native import engine_names, engine_path, ffi, lib
from powercut.ops import CODES, KINDS, Op, clock
from powercut.pyengine import as_engine, load_class
from powercut.trace import DEFAULTS, EngineOptions
from powercut_models import Row

#: The key, and the value, that the write probe sets after each recovery.
PROBE_KEY = b"powercut-probe"

SECOND_MOUNT, WRITE, CHECK = 1, 2, 4
ALL_PROBES = SECOND_MOUNT | WRITE | CHECK

#: Capabilities of the engine ABI by name, with their bits. One more, ``sync``, is of engines that are durable
#: on sync alone.
CAPABILITIES = {
    "timestamps": 1 << 0,
    "set_partial": 1 << 1,
    "allocate": 1 << 2,
    "rename": 1 << 3,
    "digest": 1 << 4,
    "last_modified": 1 << 5,
    "dictionaries": 1 << 6,
    "check": 1 << 7,
}

Hash = tuple[int, int]


class EngineRefusedError(Exception):
    """The engine's format, mount or visit answered ``code`` (a name such as CORRUPT); ``what`` says which."""

    def __init__(self, what: str, code: str) -> None:
        super().__init__(f"{what} answers {code}")
        self.what = what
        self.code = code


@dataclass(frozen=True, slots=True)
class Facts:
    """Limits of a mounted store: bytes in a segment, bytes in a value."""

    name_max: int
    value_max: int


@dataclass(frozen=True, slots=True)
class Event:
    """One device event; ``off`` and ``size`` in bytes, for a prog."""

    kind: str
    block: int
    off: int
    size: int

    def __str__(self) -> str:
        if self.kind == "prog":
            return f"prog of {self.size} bytes at block {self.block}, offset {self.off}"
        return f"erase of block {self.block}" if self.kind == "erase" else "sync"


@dataclass(frozen=True, slots=True)
class Found:
    """A crash state that the explorer refused: kind of violation, state number, the engine's code."""

    kind: str
    state: int
    code: str


@dataclass(frozen=True, slots=True)
class Exploration:
    """How many crash states there are, were recovered and judged, were passed over as identical."""

    total: int
    checked: int
    identical: int
    no_space: int
    found: tuple[Found, ...]


class Watch:
    """A stop flag and a progress counter that C reads and writes, in bytes that may be shared memory."""

    SIZE = 24

    def __init__(self, memory: Any = None) -> None:
        self._memory = bytearray(self.SIZE) if memory is None else memory
        start = ffi.from_buffer("char[]", self._memory, require_writable=True)
        self._keep = start
        self.stop_flag = ffi.cast("int *", start)
        self.progress = ffi.cast("uint64_t *", start + 8)
        self._beats = ffi.cast("uint64_t *", start + 16)

    @property
    def stopped(self) -> bool:
        """Whether the exploration is to end."""
        return bool(self.stop_flag[0])

    def stop(self) -> None:
        """Ends the exploration soon."""
        self.stop_flag[0] = 1

    @property
    def count(self) -> int:
        """Crash states dealt with so far."""
        return int(self.progress[0])

    def beat(self) -> None:
        """Gives a sign of life between two crash states."""
        self._beats[0] += 1

    @property
    def life(self) -> tuple[int, int]:
        """Changes as long as something goes on."""
        return int(self.progress[0]), int(self._beats[0])


class Engine:
    """An engine of the ABI, in a shared library."""

    def __init__(self, pointer: Any, keep: object, *, origin: str) -> None:
        self._engine = pointer
        self._keep = keep
        self.origin = origin
        self.name = _text(pointer.name)
        self.version = _text(pointer.version)
        bits = int(pointer.capabilities)
        able = {name for name, bit in CAPABILITIES.items() if bits & bit}
        durable_on_sync = pointer.durability == lib.PC_DURABLE_ON_SYNC
        self.capabilities = frozenset(able | {"sync"} if durable_on_sync else able)

    @classmethod
    def load(cls, name: str) -> Engine:
        """A built-in engine by name, a library by its path (with a ``/``), or a class (``file.py:Class``).

        Raises PowercutError: there is none, or the library is no engine of this ABI version.
        """
        if ":" in name:
            made = load_class(name)
            bits = sum(CAPABILITIES[able] for able in made.capabilities)
            return cls(*as_engine(made, bits), origin=name)
        path = _library(name)
        pointer = ffi.new("const struct pc_engine **")
        text = ffi.new("char[]", 512)
        code = lib.pc_engine_load(str(path).encode(), pointer, text, 512)
        if code != 0:
            raise PowercutError(f"Cannot use {path} as an engine: {_text(text)}.")
        return cls(pointer[0], None, origin=name)

    def format(self, geometry: Geometry, options: EngineOptions = DEFAULTS) -> bytes:
        """The image of an empty store, block after block. Raises EngineRefusedError."""
        memory = _erased(geometry)
        with _Device(geometry, memory) as device:
            self._demand("format", self._engine.format(device.pointer, _options(options)))
        return bytes(memory)

    def facts(self, image: bytes, geometry: Geometry, options: EngineOptions = DEFAULTS) -> Facts:
        """The limits of the store in ``image``. Raises EngineRefusedError."""
        with _Device(geometry, bytearray(image)) as device, _Mounted(self, device, options) as store:
            facts = ffi.new("struct pc_facts *")
            self._demand("facts", self._engine.facts(store, facts))
            return Facts(facts.name_max, facts.value_max)

    def entries(self, image: bytes, geometry: Geometry, options: EngineOptions = DEFAULTS) -> list[Row]:
        """Every entry that the engine shows of ``image``, which it may repair in memory. Raises
        EngineRefusedError."""
        rows: list[Row] = []

        def keep(entry: Any) -> int:
            rows.append(_row(entry))
            return 0

        handle = ffi.new_handle(keep)
        with _Device(geometry, bytearray(image)) as device, _Mounted(self, device, options) as store:
            self._demand("visit", self._engine.visit(store, lib.py_on_visit, handle))
        return sorted(rows, key=lambda row: row.key)

    def check(self, image: bytes, geometry: Geometry, options: EngineOptions = DEFAULTS) -> str:
        """What the engine's own consistency check finds in ``image``: one sentence, or empty. Raises
        EngineRefusedError."""
        if "check" not in self.capabilities:
            return ""
        text = ffi.new("char[]", 1024)
        with _Device(geometry, bytearray(image)) as device, _Mounted(self, device, options) as store:
            code = self._engine.check(store, text, 1024)
        return "" if code == 0 else f"{CODES.get(code, code)}: {_text(text)}"

    def record(
        self,
        geometry: Geometry,
        operations: Sequence[Op],
        *,
        image: bytes | None = None,
        options: EngineOptions = DEFAULTS,
        stop_after: int = 0,
    ) -> Run:
        """Runs the operations once on a device in memory that holds ``image`` (None: freshly formatted) and
        logs every device event; ``stop_after`` > 0 cuts the recording short after so many.

        Raises EngineRefusedError where format or mount fail, PowercutError where the memory runs out.
        """
        keep: list[Any] = []
        run_options = ffi.new("struct pc_run_options *")
        run_options.geometry = _geometry(geometry)[0]
        if image is not None:
            keep.append(ffi.from_buffer("uint8_t[]", image))
            run_options.image = keep[-1]
        run_options.engine = _options(options)[0]
        run_options.stop_after = stop_after
        array = _operations(operations, keep)
        pointer = ffi.new("struct pc_run **")
        code = lib.pc_run_record(self._engine, run_options, array, len(operations), pointer)
        if code == -16:
            raise PowercutError("There is not enough memory for this run; use a smaller device.")
        self._demand("format or mount", code)
        return Run(self, geometry, options, pointer[0], keep)

    def mount(self, device: Any, options: EngineOptions) -> Any:
        """A store on the device (cdata of ``struct bd *``). Raises EngineRefusedError."""
        store = ffi.new("void **")
        self._demand("mount", self._engine.mount(device, _options(options), store))
        return store[0]

    def unmount(self, store: Any) -> None:
        """Lets go of a store."""
        self._engine.unmount(store)

    def _demand(self, what: str, code: int) -> None:
        if code != 0:
            raise EngineRefusedError(what, CODES.get(code, str(code)))


class Run:
    """A recorded run; to be closed."""

    def __init__(
        self,
        engine: Engine,
        geometry: Geometry,
        options: EngineOptions,
        pointer: Any,
        keep: list[Any],
    ) -> None:
        self.engine = engine
        self.geometry = geometry
        self.options = options
        self._run = pointer
        self._keep = keep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the log; no other method may follow."""
        if self._run is not None:
            lib.pc_run_free(self._run)
            self._run = None

    @property
    def event_count(self) -> int:
        """Device events: progs, erases, syncs."""
        return int(lib.pc_run_event_count(self._run))

    @property
    def facts(self) -> Facts:
        """The limits of the store that was mounted."""
        facts = ffi.new("struct pc_facts *")
        lib.pc_run_facts(self._run, facts)
        return Facts(facts.name_max, facts.value_max)

    def event(self, index: int) -> Event:
        """Device event ``index``, from 0."""
        event = ffi.new("struct bd_event *")
        lib.pc_run_event(self._run, index, event)
        kind = {1: "prog", 2: "erase", 3: "sync"}[event.kind]
        return Event(kind, event.block, event.off, event.size)

    def code(self, op: int) -> str:
        """What operation ``op`` answered: a code's name."""
        code = lib.pc_run_code(self._run, op)
        return CODES.get(code, str(code))

    def reply(self, op: int) -> Hash:
        """The hash of operation ``op``'s answer."""
        return _hash(lib.pc_run_reply(self._run, op))

    def position(self, state: int) -> tuple[int, bool]:
        """(operations whose effect must be there, whether the next one's may be) in crash state ``state``."""
        done = ffi.new("size_t *")
        in_flight = ffi.new("int *")
        lib.pc_run_position(self._run, state, done, in_flight)
        return int(done[0]), bool(in_flight[0])

    def image(self, state: int) -> bytes:
        """The device after the first ``state`` events, block after block."""
        memory = bytearray(self.geometry.size)
        lib.pc_run_image(self._run, state, ffi.from_buffer("uint8_t[]", memory, require_writable=True))
        return bytes(memory)

    def explore(
        self,
        allowed: Sequence[tuple[Hash, ...]],
        *,
        jobs: int = 1,
        probes: int = ALL_PROBES,
        first: int = 0,
        last: int | None = None,
        max_violations: int = 0,
        keep_identical: bool = False,
        watch: Watch | None = None,
    ) -> Exploration:
        """Recovers the crash states ``first`` to ``last`` (None: all) and compares each with the model.

        ``allowed[i]``: the hash of the model's store after ``i`` operations, ``op_count + 1`` of them.
        Raises PowercutError where the memory runs out.
        """
        hashes = ffi.new("struct pc_hash[]", len(allowed))
        for index, stores in enumerate(allowed):
            hashes[index].lo, hashes[index].hi = stores[0]
        options = ffi.new("struct pc_explore_options *")
        options.jobs, options.probes = jobs, probes
        options.first, options.last = first, self.event_count if last is None else last
        options.max_violations, options.keep_identical = max_violations, keep_identical
        if watch is not None:
            options.stop, options.progress = watch.stop_flag, watch.progress
        report = ffi.new("struct pc_explore_report *")
        code = lib.pc_explore(self._run, hashes, len(allowed), options, report)
        if code != 0:
            raise PowercutError(f"The exploration failed with {CODES.get(code, code)}; use a smaller device.")
        try:
            return _exploration(report)
        finally:
            lib.pc_explore_report_release(report)


class StoreHash:
    """The hash of a store, kept up to date as entries come and go: what ``allowed`` is made of."""

    def __init__(self, *, timestamps: bool) -> None:
        self._timestamps = timestamps
        self._sum = ffi.new("struct pc_hash *")
        self._entry = ffi.new("struct pc_entry *")

    @property
    def value(self) -> Hash:
        """The hash as it is now."""
        return _hash(self._sum)

    def copy(self) -> StoreHash:
        """The hash as it is now, to go on apart."""
        twin = StoreHash(timestamps=self._timestamps)
        twin._sum[0] = self._sum[0]
        return twin

    def entry(self, row: Row) -> Hash:
        """The hash of one entry."""
        return _hash(self._of(row))

    def change(self, died: Iterable[Row], born: Iterable[Row]) -> Hash:
        """Takes out the rows that died, adds those that were born, and answers the new hash."""
        for row in died:
            self._sum[0] = lib.pc_hash_sub(self._sum[0], self._of(row))
        for row in born:
            self._sum[0] = lib.pc_hash_add(self._sum[0], self._of(row))
        return self.value

    def _of(self, row: Row) -> Any:
        entry = self._entry
        key, data = ffi.from_buffer("char[]", row.key), ffi.from_buffer("uint8_t[]", row.data or b"")
        entry.key, entry.key_len = key, len(row.key)
        entry.kind = 1 if row.kind == "value" else 2
        entry.data, entry.size = data, len(row.data or b"")
        timed = self._timestamps and row.time is not None
        entry.has_time = timed
        entry.time.days, entry.time.picoseconds = row.time if timed and row.time is not None else (0, 0)
        return lib.pc_hash_entry(entry)


def answer_hash(kind: str, a: int = 0, b: int = 0, data: bytes | None = None) -> Hash:
    """The hash that the explorer gives an operation's answer; see pc_hash_answer in powercut.h."""
    if data is None:
        return _hash(lib.pc_hash_answer(KINDS[kind], a, b, ffi.NULL, 0))
    return _hash(lib.pc_hash_answer(KINDS[kind], a, b, data, len(data)))


class _Device:
    """A RAM device over the caller's memory."""

    def __init__(self, geometry: Geometry, memory: bytearray) -> None:
        self._memory = ffi.from_buffer("uint8_t[]", memory, require_writable=True)
        self.pointer = ffi.new("struct bd *")
        code = lib.bd_ram_wrap(_geometry(geometry), self._memory, self.pointer)
        if code != 0:
            raise PowercutError(f"This geometry cannot be: {geometry}.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        lib.bd_close(self.pointer)


class _Mounted:
    """A mounted store, for as long as the block lasts."""

    def __init__(self, engine: Engine, device: _Device, options: EngineOptions) -> None:
        self._engine = engine
        self._store = engine.mount(device.pointer, options)

    def __enter__(self) -> Any:
        return self._store

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.unmount(self._store)


def _library(name: str) -> Path:
    """Where the engine's library is. Raises PowercutError."""
    if "/" in name:
        path = Path(name).resolve()
        if not path.is_file():
            raise PowercutError(f"There is no engine library {name}; give the path of a shared library.")
        return path
    littlefs_library.prepare(name)
    try:
        path = engine_path(name)
    except (LookupError, OSError, ValueError) as error:
        raise PowercutError(_unknown(name)) from error
    if not path.is_file():
        raise PowercutError(_unknown(name))
    return path


def _unknown(name: str) -> str:
    known = ", ".join(engine_names()) or "none"
    return f"There is no built-in engine {name} (there are: {known}); a library is given as ./{name}.so."


def _text(pointer: Any) -> str:
    return "" if pointer == ffi.NULL else bytes(ffi.string(pointer)).decode("utf-8", "replace")


def _hash(value: Any) -> Hash:
    return int(value.lo), int(value.hi)


def _geometry(geometry: Geometry) -> Any:
    erase = -1 if geometry.erase_value is None else geometry.erase_value
    sizes = (geometry.read_size, geometry.prog_size, geometry.block_size, geometry.block_count, erase)
    return ffi.new("struct bd_geometry *", sizes)


def _options(options: EngineOptions) -> Any:
    return ffi.new(
        "struct pc_options *",
        {
            "name_max": options.name_max,
            "disk_minor": options.disk_minor,
            "value_checks": options.value_checks,
        },
    )


def _erased(geometry: Geometry) -> bytearray:
    return bytearray([geometry.erase_value or 0]) * geometry.size


def _row(entry: Any) -> Row:
    key = bytes(ffi.buffer(entry.key, entry.key_len))
    if entry.kind != 1:
        return Row(key, "dictionary", None, None)
    data = bytes(ffi.buffer(entry.data, entry.size)) if entry.size else b""
    return Row(key, "value", data, (entry.time.days, entry.time.picoseconds) if entry.has_time else None)


def _operations(operations: Sequence[Op], keep: list[Any]) -> Any:
    """The operations as an array of struct pc_op; what it points to goes into ``keep``."""
    array = ffi.new("struct pc_op[]", max(len(operations), 1))
    keep.append(array)
    for index, op in enumerate(operations):
        item, data = array[index], op.data()
        key, target = ffi.from_buffer("char[]", op.key), ffi.from_buffer("char[]", op.target)
        payload = ffi.from_buffer("uint8_t[]", data)
        keep.extend((key, target, payload))
        item.kind, item.off, item.len = KINDS[op.kind], op.off, op.length
        item.key, item.key_len = key, len(op.key)
        item.target, item.target_len = target, len(op.target)
        item.data, item.data_len = payload, len(data)
        item.now.days, item.now.picoseconds = clock(index)
    return array


def _exploration(report: Any) -> Exploration:
    found = []
    for index in range(report.violation_count):
        item = report.violations[index]
        name = _text(lib.pc_violation_name(item.kind)).replace(" ", "_").replace("-", "_")
        found.append(Found(name, int(item.state), CODES.get(item.code, str(item.code))))
    return Exploration(
        int(report.total), int(report.checked), int(report.identical), int(report.no_space), tuple(found)
    )
