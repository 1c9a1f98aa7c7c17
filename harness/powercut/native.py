# SPDX-License-Identifier: ISC
"""The compiled binding: the one module that imports it.

``ffi`` and ``lib`` are cffi's; ``lib`` has every function and constant of blockdev.h, skink.h and powercut.h.
"""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import Any, Final

from powercut._native import ffi, lib

__all__ = [
    "CODE_NAMES",
    "CODE_NUMBERS",
    "KIND_NAMES",
    "code_name",
    "engine_names",
    "engine_path",
    "ffi",
    "lib",
]


def _enumerators(enum: str, prefix: str) -> dict[int, str]:
    """The numbers and names of a C enum, the names without their prefix."""
    elements: dict[int, str] = ffi.typeof(f"enum {enum}").elements
    return {number: name.removeprefix(prefix) for number, name in elements.items()}


#: Result codes by number: ``{0: "OK", -1: "NOT_FOUND", ...}``; and by name.
CODE_NAMES: Final[dict[int, str]] = _enumerators("pc_code", "PC_")
CODE_NUMBERS: Final[dict[str, int]] = {name: number for number, name in CODE_NAMES.items()}

#: Kinds of entries by number; PC_NONE is not among them.
KIND_NAMES: Final[dict[int, str]] = {lib.PC_VALUE: "value", lib.PC_DICTIONARY: "dictionary"}


def code_name(code: int) -> str:
    """``"NOT_FOUND"`` for -1, and so on; a number that is no code as it is."""
    return CODE_NAMES.get(code, str(code))


def _engines() -> dict[str, Path]:
    """The built-in engines and their libraries.

    In an editable install the package is spread over several folders, so each file is asked for by itself.
    """
    folder: Any = importlib.resources.files("powercut") / "engines"
    if not folder.is_dir():
        return {}
    return {
        Path(entry.name).stem: Path(str(entry))
        for entry in sorted(folder.iterdir(), key=lambda entry: str(entry.name))
        if Path(entry.name).suffix in {".so", ".dylib"}
    }


def engine_names() -> tuple[str, ...]:
    """The names of the built-in engines, sorted."""
    return tuple(_engines())


def engine_path(name: str) -> Path:
    """The shared library of a built-in engine. Raises LookupError: there is none of that name."""
    engines = _engines()
    if name not in engines:
        raise LookupError(f"there is no built-in engine {name!r}; there are {', '.join(engines)}")
    return engines[name]


# The functions that C calls back. What C hands on as `ctx` is a handle (ffi.new_handle) of a Python callable,
# so that each call finds its own; an exception in it ends the walk with INVALID_ARGUMENT, and cffi prints it.


@ffi.def_extern(error=CODE_NUMBERS["INVALID_ARGUMENT"])
def py_on_entry(ctx: Any, entry: Any) -> int:
    """skink_entry_fn: the handle's callable gets the ``struct skink_entry *`` and returns 0 to go on."""
    return int(ffi.from_handle(ctx)(entry))


@ffi.def_extern(error=CODE_NUMBERS["INVALID_ARGUMENT"])
def py_on_visit(ctx: Any, entry: Any) -> int:
    """pc_visit_fn: the handle's callable gets the ``struct pc_entry *`` and returns 0 to go on."""
    return int(ffi.from_handle(ctx)(entry))


@ffi.def_extern(error=CODE_NUMBERS["INVALID_ARGUMENT"])
def py_on_fault(ctx: Any, fault: Any) -> int:
    """pc_fault_fn: the handle's callable gets the ``struct pc_fault *`` and returns 0 to go on."""
    return int(ffi.from_handle(ctx)(fault))


@ffi.def_extern()
def py_on_now(ctx: Any, ret_time: Any) -> None:
    """skink_config.now: the handle's callable returns (days since 1970-01-01, picoseconds into the day)."""
    ret_time.days, ret_time.picoseconds = ffi.from_handle(ctx)()


@ffi.def_extern()
def py_put_bytes(reply: Any, data: Any, size: int) -> None:
    """pc_reply.put_bytes: appends to the ``data`` (a bytearray) of the handle of a ``struct py_reply``."""
    ffi.from_handle(ffi.cast("struct py_reply *", reply).handle).data.extend(ffi.buffer(data, size))


@ffi.def_extern()
def py_put_entry(reply: Any, name: Any, name_len: int, kind: int) -> None:
    """pc_reply.put_entry: appends (name, kind) to the ``entries`` of the handle of a ``struct py_reply``."""
    entries = ffi.from_handle(ffi.cast("struct py_reply *", reply).handle).entries
    entries.append((bytes(ffi.buffer(name, name_len)), KIND_NAMES[kind]))
