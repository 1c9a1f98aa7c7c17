# SPDX-License-Identifier: ISC
"""`powercut attr`: user attributes of keys in an image file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from powercut import moments
from powercut.cli.answer import answer, json_option
from powercut.cli.command import Group
from powercut.cli.store import KEY, PATH, geometry_options, read_input, write_output
from powercut.errors import PowercutError
from powercut.imagefile import ImageFile, RefusedError, Shape
from powercut.ops import key_text


class _Type(click.ParamType[int]):
    """An attribute's type: 0 to 255, in decimal or, behind 0x, in hex."""

    name = "type"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            number = int(value, 16 if value.lower().startswith("0x") else 10)
        except ValueError:
            number = -1
        if not 0 <= number <= 255:
            self.fail(f"{value!r} is no type of an attribute; give a number from 0 to 255, such as 0x01")
        return number


TYPE = _Type()

_IMAGE = click.argument("image", type=PATH)
_KEY = click.argument("key", type=KEY)
_TYPE = click.argument("kind", metavar="TYPE", type=TYPE)

#: What the arguments of these commands are.
_OF_KEY = {"IMAGE": "a littlefs image file", "KEY": "a value or a dictionary, such as etc/motd; /: the root"}
_OF_TYPE = {**_OF_KEY, "TYPE": "0 to 255, in decimal or, behind 0x, in hex"}


@click.group("attr", cls=Group)
def attr_group() -> None:
    """Read and change user attributes: small pieces of data that go with a value or a dictionary.

    They are numbered by a TYPE from 0 to 255.
    """


@attr_group.command(
    "list",
    arguments=_OF_KEY,
    examples=["powercut attr list disk.img etc/motd", "powercut attr list disk.img etc/motd --json"],
    exits={1: "there is no such key"},
)
@_IMAGE
@_KEY
@json_option
@geometry_options
def list_command(image: Path, key: bytes, as_json: bool, **shape: int | None) -> int:
    """List the attributes of KEY in IMAGE: type, bytes, and what they are in hex."""
    with ImageFile(image, Shape(**shape)) as store:
        found = store.attrs(key)
    if as_json:
        rows = [{"type": kind, "size": len(data), "hex": data.hex()} for kind, data in found.items()]
        return answer({"key": key_text(key), "attributes": rows})
    width = max((len(str(len(data))) for data in found.values()), default=0)
    for kind, data in found.items():
        click.echo(f"0x{kind:02x}  {len(data):>{width}}  {data.hex()}".rstrip())
    return 0


@attr_group.command(
    "get",
    arguments=_OF_TYPE,
    examples=[
        "powercut attr get disk.img etc/motd 0x01",
        "powercut attr get disk.img etc/motd 1 -o type.txt",
    ],
    exits={1: "there is no such key, or it has no such attribute"},
)
@_IMAGE
@_KEY
@_TYPE
@click.option("-o", "--output", type=PATH, metavar="FILE", help="Write there, whole or not at all.")
@geometry_options
def get_command(image: Path, key: bytes, kind: int, output: Path | None, **shape: int | None) -> None:
    """Write the attribute TYPE of KEY in IMAGE to standard output, byte for byte."""
    with ImageFile(image, Shape(**shape)) as store:
        data = store.attr(key, kind)
    if data is None:
        raise _missing(image, key, kind)
    write_output(image, output, data)


@attr_group.command(
    "set",
    arguments={**_OF_TYPE, "FILE": "where the bytes come from; standard input if left out or -"},
    examples=[
        "printf text/plain | powercut attr set disk.img etc/motd 0x01",
        "powercut attr set disk.img etc/motd 2 icon.bin",
    ],
    exits={1: "there is no such key"},
)
@_IMAGE
@_KEY
@_TYPE
@click.argument("file", type=PATH, required=False)
@geometry_options
def set_command(image: Path, key: bytes, kind: int, file: Path | None, **shape: int | None) -> None:
    """Give KEY in IMAGE the attribute TYPE: the bytes of FILE, or of standard input.

    Standard input is read where FILE is missing or -.
    An attribute that was there is replaced; all others stay.
    """
    data = read_input(file)
    with ImageFile(image, Shape(**shape), now=moments.now()) as store:
        store.set_attr(key, kind, data)


@attr_group.command(
    "remove",
    arguments=_OF_TYPE,
    examples=[
        "powercut attr remove disk.img etc/motd 0x01",
        "powercut attr remove disk.img etc/motd 7 --force",
    ],
    exits={1: "there is no such key, or it has no such attribute"},
)
@_IMAGE
@_KEY
@_TYPE
@click.option("-f", "--force", is_flag=True, help="An attribute that is not there is no error.")
@geometry_options
def remove_command(image: Path, key: bytes, kind: int, force: bool, **shape: int | None) -> None:
    """Take the attribute TYPE of KEY in IMAGE away."""
    with ImageFile(image, Shape(**shape), now=moments.now()) as store:
        if store.attr(key, kind) is not None:
            store.set_attr(key, kind, None)
        elif not force:
            raise _missing(image, key, kind)


def _missing(image: Path, key: bytes, kind: int) -> PowercutError:
    return RefusedError(
        "NOT_FOUND",
        f"The key {key_text(key) or '/'} in {image} has no attribute of type 0x{kind:02x}; "
        "`powercut attr list` shows those that there are.",
    )
