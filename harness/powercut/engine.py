# SPDX-License-Identifier: ISC
"""An engine under test, a recorded run of it, the exploration of its crash states: the C explorer's face."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from powercut import explorer, littlefs_library
from powercut.claims import active, parse_claims, unknown_claims
from powercut.errors import PowercutError
from powercut.explorer import (
    ALL_PROBES,
    Allowed,
    Exploration,
    ExploreOptions,
    Watch,
)
from powercut.fault import Failing, Fault
from powercut.geometry import Geometry
from powercut.hashes import Hash, as_hash
from powercut.native import CODE_NUMBERS, engine_names, engine_path, ffi, lib
from powercut.ops import CODES, KINDS, Op, clock
from powercut.pyengine import as_engine, load_class
from powercut.trace import DEFAULTS, EngineOptions
from powercut.unloaded import why_not
from powercut.wirefault import FAILINGS
from powercut_models import Row

#: The key, and the value, that the write probe sets after each recovery.
PROBE_KEY = b"powercut-probe"

#: What loading a library answers where the system refuses it: ``PC_NOT_FOUND``.
_NOT_LOADED = CODE_NUMBERS["NOT_FOUND"]

#: What fills a device up begins so: ``PC_FILL_KEY``.
FILL_KEY = b"powercut-fill-"


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
        claims = lib.pc_engine_claims(pointer)
        self._claims = parse_claims("" if claims == ffi.NULL else _text(claims))

    @property
    def pointer(self) -> Any:
        """The ``const struct pc_engine *``."""
        return self._engine

    def claims(self, options: EngineOptions = DEFAULTS) -> frozenset[str]:
        """What the engine says it survives, on stores with these options; see claims.py."""
        return active(self._claims, options)

    def unknown_claims(self, models: Collection[str], file_option: str = "--models") -> list[str]:
        """A sentence for each of its claims that means nothing; ``models``: names of device models;
        ``file_option``: the one that names a file with more."""
        return unknown_claims(self.name, self._claims, models, file_option)

    @classmethod
    def load(cls, name: str) -> Engine:
        """A built-in engine by name, a library by its path (with a ``/``), or a class (``file.py:Class``).

        Raises PowercutError: there is none, or the library is no engine of this ABI version.
        """
        if ":" in name:
            made = load_class(name)
            unknown = sorted(set(made.capabilities) - set(CAPABILITIES))
            if unknown:
                raise PowercutError(
                    f"Cannot use {name} as an engine: there is no capability {unknown[0]!r}; there are "
                    f"{', '.join(CAPABILITIES)}."
                )
            bits = sum(CAPABILITIES[able] for able in set(made.capabilities))
            return cls(*as_engine(made, bits), origin=name)
        path = _library(name)
        pointer = ffi.new("const struct pc_engine **")
        text = ffi.new("char[]", 512)
        code = lib.pc_engine_load(os.fsencode(path), pointer, text, 512)
        if code != 0:
            told = _text(text)
            raise PowercutError(
                f"Cannot use {path} as an engine: {why_not(path, told) if code == _NOT_LOADED else told}."
            )
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
        failing: Failing | None = None,
        resume: int = 0,
    ) -> Run:
        """Runs the operations once on a device in memory that holds ``image`` (None: freshly formatted) and
        logs every device event; ``stop_after`` > 0 cuts the recording short after so many. ``failing``: a
        device call that fails once. ``resume``: for how many of its operations the run goes on after each
        recovery from one of its crash states.

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
        run_options.resume = resume
        if failing is not None:
            run_options.fail.kind = FAILINGS.index(failing.kind) + 1
            run_options.fail.at, run_options.fail.done = failing.at, failing.done
        array = _operations(operations, keep)
        pointer = ffi.new("struct pc_run **")
        code = lib.pc_run_record(self._engine, run_options, array, len(operations), pointer)
        if code == -16:
            raise PowercutError("There is not enough memory for this run; use a smaller device.")
        self._demand("format or mount", code)
        return Run(self, geometry, options, pointer[0], keep, resume)

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
        resume: int = 0,
    ) -> None:
        self.engine = engine
        self.geometry = geometry
        self.options = options
        self.resume = resume
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
        return as_hash(lib.pc_run_reply(self._run, op))

    def position(self, state: int) -> tuple[int, bool]:
        """(operations whose effect must be there, whether the next one's may be) in crash state ``state``."""
        done = ffi.new("size_t *")
        in_flight = ffi.new("int *")
        lib.pc_run_position(self._run, state, done, in_flight)
        return int(done[0]), bool(in_flight[0])

    def position_during(self, event: int) -> tuple[int, bool]:
        """The same for a moment at which event number ``event`` was under way."""
        done = ffi.new("size_t *")
        in_flight = ffi.new("int *")
        lib.pc_run_position_during(self._run, event, done, in_flight)
        return int(done[0]), bool(in_flight[0])

    def fault_position(self, fault: Fault) -> tuple[int, bool]:
        """The same for a crash state: (operations that had returned, whether the next was under way)."""
        first = fault.cuts[0]
        if fault.kind == "full":
            return first.at, False
        if first.tear is not None and first.tear.back == 0 and first.at < self.event_count:
            return self.position_during(first.at)
        return self.position(min(first.at, self.event_count))

    def image(self, state: int) -> bytes:
        """The device after the first ``state`` events, block after block."""
        memory = bytearray(self.geometry.size)
        lib.pc_run_image(self._run, state, ffi.from_buffer("uint8_t[]", memory, require_writable=True))
        return bytes(memory)

    def explore(self, allowed: Allowed, options: ExploreOptions, watch: Watch | None = None) -> Exploration:
        """Recovers crash states and compares each with what is allowed.

        Raises NoSuchStateError where the run does not have one that is asked for, PowercutError where the
        memory runs out.
        """
        return explorer.explore(self._run, allowed, options, watch, self._reader(options))

    def prepare(self, allowed: Allowed, options: ExploreOptions) -> explorer.Prepared:
        """The same, to be made again and again; see explorer.Prepared."""
        return explorer.Prepared(self._run, allowed, options, None, self._reader(options))

    def _reader(self, options: ExploreOptions) -> Engine | None:
        return None if options.reader is None else Engine.load(options.reader)

    def list(self, options: ExploreOptions) -> list[Fault]:
        """The crash states that ``explore`` would generate, without judging any; no nested ones."""
        return explorer.list_faults(self._run, options)

    def fault_image(self, fault: Fault) -> bytes:
        """The device that a crash state leaves, block after block. Raises PowercutError."""
        memory = bytearray(self.geometry.size)
        buffer = ffi.from_buffer("uint8_t[]", memory, require_writable=True)
        given = explorer.fault_c(fault, {})
        code = lib.pc_fault_image(self._run, ffi.addressof(given, 0), buffer)
        explorer.demand_fault(code, fault)
        return bytes(memory)

    def recovery(self, fault: Fault, probes: int = ALL_PROBES) -> Run:
        """The recovery from a crash state, as the explorer does it: a run without operations, to be closed.
        Raises PowercutError."""
        pointer = ffi.new("struct pc_run **")
        given = explorer.fault_c(fault, {})
        code = lib.pc_fault_recovery(self._run, ffi.addressof(given, 0), probes, pointer)
        explorer.demand_fault(code, fault)
        return Run(self.engine, self.geometry, self.options, pointer[0], [])

    def first_overwrite(self) -> int | None:
        """The first event that programs bytes that are not erased; None: there is none."""
        event = int(lib.pc_run_overwrite(self._run))
        return event if event < self.event_count else None


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
    if name.endswith(".py"):
        raise PowercutError(f"Which class of {name} is the engine? Name it too: {name}:Class.")
    if not name:
        raise PowercutError(f"No engine is named; there are {_built_in()}, and any library as ./libmine.so.")
    if "/" in name:
        path = Path(name).resolve()
        if not os.path.isfile(path):  # noqa: PTH113 - of a name that is too long Path.is_file raises
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
    library = name if Path(name).suffix else f"{name}.so"
    return (
        f"There is no built-in engine {name} (there are: {_built_in()}); a library is named by its path, as "
        f"in --engine ./{library}."
    )


def _built_in() -> str:
    return ", ".join(engine_names()) or "none"


def _text(pointer: Any) -> str:
    return "" if pointer == ffi.NULL else bytes(ffi.string(pointer)).decode("utf-8", "replace")


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
