# SPDX-License-Identifier: ISC
"""The binding: the public headers are all there, calls go both ways, the file device keeps its promises."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from powercut import native, ops
from powercut.native import ffi, lib

HEADERS = ("blockdev.h", "skink.h", "powercut.h")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
SEMANTICS = re.findall(
    r"\w+",
    """OK NOT_FOUND DICTIONARY_EXPECTED VALUE_EXPECTED ALREADY_PRESENT RENAME_SOURCE_PREFIX NO_SPACE
    INVALID_KEY NAME_TOO_LONG VALUE_TOO_LARGE NO_TIMESTAMP READ_ONLY IO CORRUPT UNSUPPORTED
    INVALID_ARGUMENT NO_MEMORY""",
)


def header_text(root: Path, name: str) -> str:
    return COMMENT.sub("", (root / "csrc" / "include" / name).read_text())


@pytest.mark.parametrize("header", HEADERS)
def test_every_function_and_constant_of_the_header_is_bound(root: Path, header: str) -> None:
    text = header_text(root, header)
    functions = set(re.findall(r"^[a-z][\w ]*[ *]((?:bd|pc|skink)_\w+)\(", text, re.MULTILINE))
    constants = set(re.findall(r"^\s*(?:#define )?((?:BD|PC|SKINK)_\w+)(?: =| [\d(\"-])", text, re.MULTILINE))
    constants |= set(re.findall(r"[{,] ((?:BD|PC|SKINK)_\w+) =", text))
    assert len(functions) > 10
    assert len(constants) > 10
    assert {name for name in functions | constants if not hasattr(lib, name)} == set()


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("language", [("c", "c11"), ("c++", "c++17")])
def test_each_header_compiles_alone_without_a_warning(
    root: Path, header: str, language: tuple[str, str]
) -> None:
    compiler = shutil.which("cc" if language[0] == "c" else "c++")
    if compiler is None:
        pytest.skip(f"NOT RUN: there is no {language[0]} compiler")
    flags = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", f"-std={language[1]}"]
    source = f'#include "{header}"\nint main(void);\nint main(void) {{ return 0; }}\n'
    include = ["-I", str(root / "csrc" / "include")]
    subprocess.run([compiler, "-x", language[0], *flags, *include, "-"], input=source, text=True, check=True)


def test_expressions_in_enums_have_their_values() -> None:
    assert (lib.PC_CAN_TIMESTAMPS, lib.PC_CAN_CHECK, lib.PC_ABI_VERSION) == (1, 128, 2)
    assert lib.BD_ERASE_NONE == -1
    assert ffi.string(lib.PC_PROBE_KEY) == b"powercut-probe"


def test_result_codes_are_those_of_the_semantics_everywhere() -> None:
    assert [native.CODE_NAMES[-number] for number in range(len(SEMANTICS))] == SEMANTICS
    assert native.CODE_NAMES == ops.CODES
    for number, name in native.CODE_NAMES.items():
        assert getattr(lib, f"SKINK_{name}") == number
        assert ffi.string(lib.pc_code_name(number)).decode() == name
        assert ffi.string(lib.skink_code_name(number)).decode() == name


def test_operation_kinds_are_numbered_alike_in_c_and_python() -> None:
    numbers = {name: getattr(lib, f"PC_OP_{name.upper()}") for name in ops.KINDS}
    assert numbers == ops.KINDS


# --- engines --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["skink", "ditto"])
def test_a_built_in_engine_is_found_and_loads(name: str) -> None:
    engine = load(name)
    assert ffi.string(engine.name).decode() == name
    assert engine.abi_version == lib.PC_ABI_VERSION


def test_an_unknown_engine_is_a_lookup_error_that_names_those_there_are() -> None:
    assert {"ditto", "skink"} <= set(native.engine_names())
    with pytest.raises(LookupError, match=r"nonesuch.*ditto.*skink"):
        native.engine_path("nonesuch")


def load(name: str) -> Any:
    engine, text = ffi.new("const struct pc_engine **"), ffi.new("char[]", 200)
    code = lib.pc_engine_load(str(native.engine_path(name)).encode(), engine, text, 200)
    assert code == lib.PC_OK, ffi.string(text)
    return engine[0]


class Answers:
    """What an engine's operations answered: the object behind a struct py_reply."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.entries: list[tuple[bytes, str]] = []
        self.handle = ffi.new_handle(self)
        self.reply = ffi.new("struct py_reply *")
        self.reply.handle = self.handle
        self.reply.reply.put_bytes = lib.py_put_bytes
        self.reply.reply.put_entry = lib.py_put_entry

    def of(self, engine: Any, store: Any, kind: int, key: bytes, data: bytes = b"") -> int:
        keep = ffi.from_buffer(key), ffi.from_buffer(data)
        op = ffi.new("struct pc_op *", {"kind": kind, "key_len": len(key), "data_len": len(data)})
        op.key, op.data = ffi.cast("char *", keep[0]), ffi.cast("uint8_t *", keep[1])
        return int(engine.apply(store, op, ffi.addressof(self.reply, "reply")))


@pytest.mark.parametrize("name", ["skink", "ditto"])
def test_an_engine_answers_and_shows_its_entries_through_callbacks(name: str) -> None:
    engine = load(name)
    device = ram_device(512, 64)
    options, store = ffi.new("struct pc_options *"), ffi.new("void **")
    assert engine.format(device, options) == lib.PC_OK
    assert engine.mount(device, options, store) == lib.PC_OK
    answers = Answers()
    for key, value in ((b"b", b"two"), (b"a", b"one")):
        assert answers.of(engine, store[0], lib.PC_OP_SET, key, value) == lib.PC_OK
    assert answers.of(engine, store[0], lib.PC_OP_GET, b"a") == lib.PC_OK
    assert bytes(answers.data) == b"one"
    assert answers.of(engine, store[0], lib.PC_OP_LIST, b"") == lib.PC_OK
    assert answers.entries == [(b"a", "value"), (b"b", "value")]
    assert answers.of(engine, store[0], lib.PC_OP_GET, b"c") == lib.PC_NOT_FOUND
    seen: dict[bytes, bytes] = {}

    def keep(entry: Any) -> int:
        seen[bytes(ffi.buffer(entry.key, entry.key_len))] = bytes(ffi.buffer(entry.data, entry.size))
        return 0

    handle = ffi.new_handle(keep)
    assert engine.visit(store[0], lib.py_on_visit, handle) == lib.PC_OK
    assert seen == {b"a": b"one", b"b": b"two"}
    engine.unmount(store[0])
    lib.bd_close(device)


def test_a_visit_ends_with_what_the_callback_returns() -> None:
    engine = load("skink")
    device = ram_device(512, 64)
    options, store = ffi.new("struct pc_options *"), ffi.new("void **")
    assert engine.format(device, options) == lib.PC_OK
    assert engine.mount(device, options, store) == lib.PC_OK
    for key in (b"a", b"b"):
        assert Answers().of(engine, store[0], lib.PC_OP_SET, key) == lib.PC_OK
    calls: list[int] = []
    handle = ffi.new_handle(lambda _: calls.append(1) or 42)
    assert engine.visit(store[0], lib.py_on_visit, handle) == 42
    assert len(calls) == 1
    engine.unmount(store[0])
    lib.bd_close(device)


# --- devices --------------------------------------------------------------------------------------------


def geometry(block_size: int, block_count: int) -> Any:
    return ffi.new("struct bd_geometry *", (16, 16, block_size, block_count, 0xFF))


def ram_device(block_size: int, block_count: int) -> Any:
    device = ffi.new("struct bd *")
    assert lib.bd_ram_open(geometry(block_size, block_count), device) == lib.BD_OK
    return device


def file_device(path: Path, flags: int = 0, block_count: int = 0) -> tuple[int, Any]:
    device = ffi.new("struct bd *")
    code = lib.bd_file_open(str(path).encode(), flags, geometry(512, block_count), device, ffi.NULL)
    return code, device


def test_a_second_opener_of_a_file_is_locked_out(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    code, first = file_device(path, lib.BD_FILE_CREATE, 8)
    assert code == lib.BD_OK
    assert file_device(path)[0] == lib.BD_LOCKED
    assert file_device(path, lib.BD_FILE_READ_ONLY)[0] == lib.BD_LOCKED
    lib.bd_close(first)
    code, second = file_device(path)
    assert code == lib.BD_OK
    assert second.geometry.block_count == 8
    lib.bd_close(second)


# Sets keys 0, 1, 2, ... to values that tell their number, and says each number when its set has returned.
WRITER = """
import sys
from pathlib import Path
from powercut.imagefile import ImageFile
with ImageFile(Path(sys.argv[1]), now=(1, 2)) as store:
    for number in range(10**6):
        store.put(b"k%d" % (number % 7), b"%d " % number * (number % 200 + 1))
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()
"""


@pytest.mark.parametrize("after", [1, 2, 5, 11, 40, 150])
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, after: int) -> None:
    from powercut.imagefile import ImageFile, Shape, format_image

    path = tmp_path / "disk.img"
    format_image(path, Shape(512, 512))
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(after):
            assert writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read()
    assert writer.returncode == -signal.SIGKILL
    acknowledged = after - 1 + rest.count("\n")
    with ImageFile(path) as store:
        found = {entry.key: store.get(entry.key) for entry in store.entries()}
    # A value is its number over and over; the newest is the last acknowledged one, or the one in flight.
    numbers = {key: int(value.split()[0]) for key, value in found.items()}
    for key, number in numbers.items():
        assert found[key] == b"%d " % number * (number % 200 + 1)
        assert key == b"k%d" % (number % 7)
    newest = max(numbers.values())
    assert newest in {acknowledged, acknowledged + 1}
    assert sorted(numbers.values()) == list(range(max(0, newest - 6), newest + 1))
