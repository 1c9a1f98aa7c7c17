# SPDX-License-Identifier: ISC
"""Engines written in Python: a class with the methods of the engine ABI, tested like any other, only slower.

``powercut run --engine ./mine.py:Mine`` (or ``module:Mine``) tests the class ``Mine``.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from powercut.errors import PowercutError
from powercut.geometry import Geometry
from powercut.native import CODE_NUMBERS, ffi, lib
from powercut.ops import KINDS, Literal, Op, Time
from powercut.trace import EngineOptions
from powercut_models import Answer, Row

_KIND_NAMES = {number: name for name, number in KINDS.items()}
_ENTRY_KINDS = {None: 0, "value": 1, "dictionary": 2}


class Refused(Exception):  # noqa: N818 - a result, not an error
    """What an engine raises to answer a code: ``raise Refused("NOT_FOUND")``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        if code not in CODE_NUMBERS:
            raise ValueError(f"there is no result code {code!r}; there are {', '.join(CODE_NUMBERS)}")
        self.code = code


class Device:
    """The block device that an engine gets. Every method raises Refused("IO") where the device fails."""

    def __init__(self, pointer: Any) -> None:
        self._pointer = pointer
        shape = pointer.geometry
        erase = None if shape.erase_value < 0 else int(shape.erase_value)
        self.geometry = Geometry(
            int(shape.read_size), int(shape.prog_size), int(shape.block_size), int(shape.block_count), erase
        )

    def read(self, block: int, off: int, size: int) -> bytes:
        """``size`` bytes of a block from ``off`` on, both multiples of the read size."""
        memory = bytearray(size)
        target = ffi.from_buffer("uint8_t[]", memory, require_writable=True)
        self._demand(lib.bd_read(self._pointer, block, off, target, size))
        return bytes(memory)

    def prog(self, block: int, off: int, data: bytes) -> None:
        """Programs bytes of an erased part of a block; ``off`` and length are multiples of the prog size."""
        self._demand(lib.bd_prog(self._pointer, block, off, ffi.from_buffer("uint8_t[]", data), len(data)))

    def erase(self, block: int) -> None:
        """Erases a block."""
        self._demand(lib.bd_erase(self._pointer, block))

    def sync(self) -> None:
        """Makes what was written durable."""
        self._demand(lib.bd_sync(self._pointer))

    @staticmethod
    def _demand(code: int) -> None:
        if code != 0:
            raise Refused("IO")


class PythonStore(Protocol):
    """A mounted store."""

    def apply(self, op: Op, now: Time) -> Answer:
        """Does the operation; what it fails with is Refused, or the answer's code."""

    def entries(self) -> Iterable[Row]:
        """Every entry but the root, in any order."""

    def facts(self) -> tuple[int, int]:
        """(bytes in a segment, bytes in a value), at most."""

    def check(self) -> str:
        """What the engine's own consistency check finds: a sentence, or nothing."""

    def unmount(self) -> None:
        """Lets go of what it holds."""


class PythonEngine(Protocol):
    """An engine. ``capabilities``: names of those of the ABI, see engine.py.

    An engine that makes lasting what was changed only with the next ``sync`` has ``durability = "sync"``.
    What it claims to survive besides whole writes in order it says in ``claims = "disk512 damage"``.
    """

    name: str
    version: str
    capabilities: frozenset[str]

    def format(self, device: Device, options: EngineOptions) -> None:
        """Makes an empty store. Raises Refused."""

    def mount(self, device: Device, options: EngineOptions) -> PythonStore:
        """Opens the store. Raises Refused."""


def load_class(name: str) -> PythonEngine:
    """An instance of the class ``./file.py:Class`` or ``module:Class``. Raises PowercutError."""
    where, _, attribute = name.rpartition(":")
    try:
        engine = getattr(_module(where), attribute)()
        problem = _flaw(engine)
    except SystemExit as error:
        problem = f"to load it ends the process: exit code {error.code or 0}"
    except Exception as error:
        problem = _reason(error)
    if problem:
        raise PowercutError(f"Cannot use {name} as an engine: {problem}.")
    made: PythonEngine = engine
    return made


def _flaw(engine: Any) -> str:
    """What the engine lacks to be one; empty: nothing."""
    for member in ("name", "version", "capabilities", "format", "mount"):
        if not hasattr(engine, member):
            return f"it has no {member}"
    for member in ("name", "version", "claims"):
        if not isinstance(getattr(engine, member, ""), str):
            return f"its {member} must be a text, and is {getattr(engine, member)!r}"
    able = engine.capabilities
    if not isinstance(able, (list, tuple, set, frozenset)) or not all(isinstance(one, str) for one in able):
        return f"its capabilities must be a list of texts, and are {able!r}"
    if getattr(engine, "durability", "return") not in ("return", "sync"):
        return f"its durability must be 'return' or 'sync', and is {engine.durability!r}"
    return ""


def _reason(error: Exception) -> str:
    """Why the class could not be had; of what its own code raises also where."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, (ImportError, SyntaxError)):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    words = str(error) if isinstance(error, AttributeError) else f"{type(error).__name__}: {error}"
    mine = place.filename == __file__
    return words if mine else f"{words} ({place.filename}, line {place.lineno})"


def _module(where: str) -> Any:
    if not where.endswith(".py"):
        if not where or "/" in where or where.startswith("."):
            raise ImportError("an engine in Python is named ./file.py:Class or module:Class")
        return importlib.import_module(where)
    path = Path(where).resolve()
    if str(path.parent) not in sys.path:  # for its other files; last, so that they hide nothing
        sys.path.append(str(path.parent))
    there = sys.modules.get(path.stem)
    taken = there is not None and getattr(there, "__file__", None) != str(path)
    name = f"{path.stem} in {path.parent}" if taken else path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{where} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def as_engine(engine: PythonEngine, bits: int) -> tuple[Any, object]:
    """A ``struct pc_engine *`` whose functions call the engine's methods, and what must live as long."""
    bridge = _Bridge(engine)
    texts = (engine.name, engine.version, getattr(engine, "claims", ""))
    kept: list[Any] = [bridge, *(ffi.new("char[]", text.encode()) for text in texts)]
    pointer = ffi.new("struct pc_engine *")
    pointer.abi_version, pointer.capabilities = lib.PC_ABI_VERSION, bits
    on_sync = getattr(engine, "durability", "return") == "sync"
    pointer.durability = lib.PC_DURABLE_ON_SYNC if on_sync else lib.PC_DURABLE_ON_RETURN
    pointer.name, pointer.version, pointer.claims = kept[1:]
    for name, field in ffi.typeof("struct pc_engine").fields:
        method = getattr(bridge, name, None)
        if method is not None:
            error = {} if name == "unmount" else {"error": CODE_NUMBERS["INVALID_ARGUMENT"]}
            kept.append(ffi.callback(field.type, **error)(method))
            setattr(pointer, name, kept[-1])
    return pointer, kept


class _Bridge:
    """The functions of the ABI over an engine's methods; what they raise becomes a code."""

    def __init__(self, engine: PythonEngine) -> None:
        self._engine = engine
        self._stores: dict[int, PythonStore] = {}
        self._last = 0
        self._shown: set[str] = set()

    def format(self, device: Any, options: Any) -> int:
        return self._code(lambda: self._engine.format(Device(device), _options(options)))

    def mount(self, device: Any, options: Any, ret_store: Any) -> int:
        def open_store() -> None:
            store = self._engine.mount(Device(device), _options(options))
            self._last += 1
            self._stores[self._last] = store
            ret_store[0] = ffi.cast("void *", self._last)

        return self._code(open_store)

    def unmount(self, handle: Any) -> None:
        store = self._stores.pop(int(ffi.cast("uintptr_t", handle)))
        self._code(store.unmount)

    def apply(self, handle: Any, op: Any, reply: Any) -> int:
        def do() -> None:
            made = _op(op)
            answer = self._store(handle).apply(made, (int(op.now.days), int(op.now.picoseconds)))
            if answer.code != "OK":
                raise Refused(answer.code)
            _reply(made, answer, reply)

        return self._code(do)

    def visit(self, handle: Any, fn: Any, ctx: Any) -> int:
        ended: list[int] = []

        def walk() -> None:
            for row in self._store(handle).entries():
                code = _show(row, fn, ctx)
                if code:
                    ended.append(code)
                    return

        return self._code(walk) or next(iter(ended), 0)

    def facts(self, handle: Any, ret_facts: Any) -> int:
        def tell() -> None:
            ret_facts.name_max, ret_facts.value_max = self._store(handle).facts()

        return self._code(tell)

    def check(self, handle: Any, text: Any, size: int) -> int:
        def look() -> None:
            found = self._store(handle).check().encode()[: max(size - 1, 0)]
            if found:
                ffi.memmove(text, found + b"\0", len(found) + 1)
                raise Refused("CORRUPT")

        return self._code(look)

    def _store(self, handle: Any) -> PythonStore:
        return self._stores[int(ffi.cast("uintptr_t", handle))]

    def _code(self, action: Callable[[], None]) -> int:
        """0, or the code that the action was refused with; a mistake in the engine is printed, once."""
        try:
            action()
        except Refused as refusal:
            return CODE_NUMBERS[refusal.code]
        except Exception:
            words = traceback.format_exc()
            if words not in self._shown:
                self._shown.add(words)
                print(words, end="", file=sys.stderr)
            return CODE_NUMBERS["INVALID_ARGUMENT"]
        return 0


def _options(options: Any) -> EngineOptions:
    return EngineOptions(int(options.name_max), int(options.disk_minor), int(options.value_checks))


def _op(op: Any) -> Op:
    data = bytes(ffi.buffer(op.data, op.data_len)) if op.data_len else b""
    kind = _KIND_NAMES[op.kind]
    return Op(
        kind=kind,
        key=bytes(ffi.buffer(op.key, op.key_len)) if op.key_len else b"",
        target=bytes(ffi.buffer(op.target, op.target_len)) if op.target_len else b"",
        off=int(op.off),
        length=int(op.len),
        value=Literal(data) if kind in ("set", "set_partial") else None,
    )


def _reply(op: Op, answer: Answer, reply: Any) -> None:
    """Fills in what the operation answers."""
    if op.kind == "exists":
        reply.kind = _ENTRY_KINDS[answer.kind]
    elif op.kind == "size":
        reply.size = answer.size or 0
    elif op.kind == "last_modified":
        reply.time.days, reply.time.picoseconds = answer.time or (0, 0)
    elif answer.entries is not None:
        for name, kind in answer.entries:
            reply.put_entry(reply, ffi.from_buffer("char[]", name), len(name), _ENTRY_KINDS[kind])
    elif answer.data:
        reply.put_bytes(reply, ffi.from_buffer("uint8_t[]", answer.data), len(answer.data))


def _show(row: Row, fn: Any, ctx: Any) -> int:
    entry = ffi.new("struct pc_entry *")
    key, data = ffi.from_buffer("char[]", row.key), ffi.from_buffer("uint8_t[]", row.data or b"")
    entry.key, entry.key_len, entry.kind = key, len(row.key), _ENTRY_KINDS[row.kind]
    entry.data, entry.size = data, len(row.data or b"")
    entry.has_time = row.time is not None
    entry.time.days, entry.time.picoseconds = row.time or (0, 0)
    return int(fn(ctx, entry))
