# SPDX-License-Identifier: ISC
"""The everyday commands on a store in an image file: format, ls, get, put, rm, grow, parse."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from powercut import atomic, moments
from powercut.cli.answer import answer, json_option, time_fields
from powercut.cli.command import Command
from powercut.cli.types import FileName
from powercut.errors import PowercutError
from powercut.imagefile import (
    VALUE_MAX,
    Entry,
    ImageFile,
    RefusedError,
    Shape,
    format_image,
    grow_image,
    read_image,
)
from powercut.infile import read_whole
from powercut.ops import key_text

F = TypeVar("F", bound=Callable[..., Any])

_ESCAPE = re.compile(rb"%(..)?", re.DOTALL)


class _Key(click.ParamType[bytes]):
    """A key: segments with / between them, % and two hex digits for a byte that cannot be typed."""

    name = "key"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        def byte(match: re.Match[bytes]) -> bytes:
            digits = match[1] or b""
            if re.fullmatch(rb"[0-9A-Fa-f]{2}", digits) is None:
                self.fail(f"in the key {value!r} a % is not followed by two hex digits; write % as %25")
            return bytes([int(digits, 16)])

        return value if isinstance(value, bytes) else _ESCAPE.sub(byte, os.fsencode(value))


KEY = _Key()
PATH = FileName()
SIZE = click.IntRange(min=1, max=2**31 - 1)

_IMAGE = click.argument("image", type=PATH)
_BLOCK_SIZE = click.option("--block-size", type=SIZE, metavar="BYTES", help="Instead of what the image says.")
_BLOCK_COUNT = click.option("--block-count", type=SIZE, metavar="N", help="Instead of what the image says.")
_PROG = click.option("--prog-size", type=SIZE, metavar="BYTES", help="Unit of writing; 16 if left out.")
_READ = click.option("--read-size", type=SIZE, metavar="BYTES", help="Unit of reading; as the prog size.")


def geometry_options(command: F) -> F:
    """The options that say what an existing image's geometry is."""
    return _BLOCK_SIZE(_BLOCK_COUNT(_PROG(_READ(command))))


_IMAGE_IS = {"IMAGE": "a littlefs image file"}
_KEY_IS = {"KEY": "segments with / between them, such as etc/motd; %XX for a byte that cannot be typed"}


@click.command(
    "format",
    cls=Command,
    arguments={"IMAGE": "the file to make"},
    examples=[
        "powercut format new.img --block-count 64",
        "powercut format old.img --block-size 512 --block-count 256 --disk-version 2.0 --force",
    ],
)
@_IMAGE
@click.option("--block-size", type=SIZE, default=4096, metavar="BYTES", help="128 or more.")
@click.option("--block-count", type=SIZE, required=True, metavar="N", help="2 or more.")
@_PROG
@click.option(
    "--name-max", type=click.IntRange(1, 1022), default=None, metavar="BYTES", help="Longest segment."
)
@click.option("--disk-version", type=click.Choice(["2.0", "2.1"]), default="2.1", help="Of the format.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def format_command(
    image: Path,
    block_size: int,
    block_count: int,
    prog_size: int | None,
    name_max: int | None,
    disk_version: str,
    force: bool,
) -> None:
    """Make IMAGE, a file with an empty store.

    The file appears whole or not at all; one that is there is replaced with --force only.
    """
    shape = Shape(block_size, block_count, prog_size)
    minor = int(disk_version.rpartition(".")[2])
    format_image(image, shape, name_max=name_max or 0, minor=minor, force=force)


@click.command(
    "ls",
    cls=Command,
    arguments={**_IMAGE_IS, "KEY": "a dictionary; the root if left out"},
    examples=["powercut ls disk.img", "powercut ls -R disk.img etc --json"],
    exits={1: "there is no such key"},
)
@_IMAGE
@click.argument("key", type=KEY, default=b"")
@click.option("-R", "--recursive", is_flag=True, help="Everything below KEY, at any depth.")
@json_option
@geometry_options
def ls_command(image: Path, key: bytes, recursive: bool, as_json: bool, **shape: int | None) -> int:
    """List the dictionary KEY (default: the root) of the store in IMAGE.

    A line has a value's bytes, the time of its last change in UTC, and the key; a dictionary's key ends in /.
    Bytes of a key that cannot be printed, and %, are shown as %XX, and every command takes them so.

    """
    with ImageFile(image, Shape(**shape)) as store:
        entries = store.entries(key, recursive=recursive, digests=as_json)
    if as_json:
        return answer({"key": key_text(key), "entries": [_fields(entry) for entry in entries]})
    rows = [_row(entry) for entry in entries]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    for size, time, name in rows:
        click.echo(f"{size:>{widths[0]}}  {time:<{widths[1]}}  {name}")
    return 0


@click.command(
    "get",
    cls=Command,
    arguments=_IMAGE_IS | _KEY_IS,
    examples=["powercut get disk.img etc/motd", "powercut get disk.img etc/motd -o motd.txt"],
    exits={1: "there is no such key"},
)
@_IMAGE
@click.argument("key", type=KEY)
@click.option("-o", "--output", type=PATH, metavar="FILE", help="Write there, whole or not at all.")
@geometry_options
def get_command(image: Path, key: bytes, output: Path | None, **shape: int | None) -> None:
    """Write the value of KEY in IMAGE to standard output, byte for byte."""
    with ImageFile(image, Shape(**shape)) as store:
        value = store.get(key)
    write_output(image, output, value)


@click.command(
    "put",
    cls=Command,
    arguments=_IMAGE_IS | _KEY_IS | {"FILE": "where the bytes come from; standard input if left out or -"},
    examples=[
        "echo hello | powercut put disk.img etc/motd",
        "powercut put disk.img etc/motd icon.bin --time 2026-11-23T01:02:03Z",
    ],
)
@_IMAGE
@click.argument("key", type=KEY)
@click.argument("file", type=PATH, required=False)
@click.option(
    "--time", "time_text", metavar="TIME", help="2026-11-23T01:02:03Z or DAYS:PICOSECONDS; else now."
)
@geometry_options
def put_command(
    image: Path, key: bytes, file: Path | None, time_text: str | None, **shape: int | None
) -> None:
    """Bind KEY in IMAGE to the bytes of FILE, or of standard input where FILE is missing or -.

    A value that KEY was bound to before is replaced; missing dictionaries on the way are made in the same
    atomic step.
    """
    now = moments.now() if time_text is None else moments.parse(time_text)
    value = read_input(file)
    with ImageFile(image, Shape(**shape), now=now) as store:
        store.put(key, value)


@click.command(
    "rm",
    cls=Command,
    arguments=_IMAGE_IS | _KEY_IS,
    examples=["powercut rm disk.img etc/motd", "powercut rm -r -f disk.img etc"],
    exits={1: "there is no such key"},
)
@_IMAGE
@click.argument("key", type=KEY)
@click.option(
    "-r", "--recursive", is_flag=True, help="Also a dictionary that is not empty, with all below it."
)
@click.option("-f", "--force", is_flag=True, help="A key that is not there is no error.")
@geometry_options
def rm_command(image: Path, key: bytes, recursive: bool, force: bool, **shape: int | None) -> None:
    """Remove KEY from the store in IMAGE, in one atomic step."""
    with ImageFile(image, Shape(**shape), now=moments.now()) as store:
        kind = store.kind(key)
        if kind is None and force:
            return
        if kind == "dictionary" and not recursive and store.entries(key):
            raise RefusedError(
                "VALUE_EXPECTED",
                f"The key {key_text(key) or '/'} in {image} is a dictionary that is not empty; say "
                "--recursive to remove it with all below it.",
            )
        store.remove(key)


@click.command(
    "grow", cls=Command, arguments=_IMAGE_IS, examples=["powercut grow disk.img --block-count 128"]
)
@_IMAGE
@click.option("--block-count", type=SIZE, required=True, metavar="N", help="Blocks from now on.")
@_BLOCK_SIZE
@_PROG
@_READ
def grow_command(image: Path, block_count: int, **shape: int | None) -> None:
    """Make the store in IMAGE use N blocks, more than it has so far. The file grows where it has fewer."""
    grow_image(image, Shape(**shape), block_count)


@click.command(
    "parse",
    cls=Command,
    arguments=_IMAGE_IS,
    examples=["powercut parse disk.img", "powercut parse disk.img --json | jq .superblock"],
    exits={
        0: "all of the image could be read",
        1: "it is damaged, or cut short: the line `problem` says how",
    },
)
@_IMAGE
@json_option
@_BLOCK_SIZE
@_BLOCK_COUNT
@_PROG
def parse_command(image: Path, as_json: bool, **shape: int | None) -> int:
    """Tell the blocks, commits and tags of IMAGE in words.

    This has a reader of its own, apart from skink, which goes as far as a damaged image lets it and says what
    is wrong there; the exit code is 1 then.
    """
    from powercut_models.describe import described  # noqa: PLC0415 (only this command needs it)
    from powercut_models.image import ImageError, as_dict  # noqa: PLC0415 (only this command needs it)

    asked = (read_image(image), shape["block_size"], shape["block_count"], shape["prog_size"])
    try:
        found = as_dict(*asked)
    except ImageError as error:
        raise PowercutError(
            f"Cannot tell what {image} is: {error}; if it is an image, say --block-size."
        ) from error
    code, verdict = (1, "unsound") if found["problem"] else (0, "ok")
    if as_json:
        return answer(_as_told(found), code, verdict)
    for line in described(found):
        click.echo(line)
    return code


def _as_told(found: dict[str, Any]) -> dict[str, Any]:
    """The reader's structure with keys and times as every command tells them."""
    for entry in found["entries"] or ():
        entry["key"] = key_text(entry["key"].encode("utf-8", "surrogateescape"))
        entry["time"] = time_fields(entry["time"])
    return found


def write_output(image: Path, output: Path | None, data: bytes) -> None:
    """Writes to a file, which is not the image, whole or not at all; None: to standard output. Raises
    PowercutError."""
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    if output.exists() and output.samefile(image):
        raise PowercutError(f"{output} is the image itself; name another file for --output.")
    try:
        atomic.write(output, data)
    except OSError as error:
        raise PowercutError(
            f"Cannot write {output}: {atomic.reason(error)}; name another file for --output."
        ) from error


def _typed() -> bytes:
    """Standard input, to its end. Raises PowercutError."""
    if sys.stdin is None:
        raise PowercutError("Standard input is closed; name a file that can be read.")
    data = sys.stdin.buffer.read(VALUE_MAX + 1)
    if len(data) > VALUE_MAX:
        raise PowercutError(_too_long("Standard input"))
    return data


def _too_long(what: str) -> str:
    return f"{what} is longer than any value can be ({VALUE_MAX:,} bytes); name a shorter file."


def read_input(file: Path | None) -> bytes:
    """The bytes of a file, or of standard input. Raises PowercutError."""
    if file is None or str(file) == "-":
        return _typed()
    try:
        return read_whole(file, VALUE_MAX)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise PowercutError(_too_long(str(file))) from error
        raise PowercutError(
            f"Cannot read {file}: {atomic.reason(error)}; name a file that can be read."
        ) from error


def _row(entry: Entry) -> tuple[str, str, str]:
    """(bytes, time, key) as a person reads them."""
    if entry.kind == "value":
        return str(entry.size), moments.words(entry.time), key_text(entry.key)
    return "-", "-", key_text(entry.key) + "/"


def _fields(entry: Entry) -> dict[str, object]:
    size = entry.size if entry.kind == "value" else None
    return {
        "key": key_text(entry.key),
        "kind": entry.kind,
        "size": size,
        "sha256": entry.sha256,
        "time": time_fields(entry.time),
    }
