# SPDX-License-Identifier: ISC
"""`powercut image diff`: in what two images differ, from superblock to tag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from powercut.cli.answer import answer, json_option, time_fields
from powercut.cli.command import Group
from powercut.cli.store import PATH, SIZE
from powercut.errors import PowercutError
from powercut.imagefile import read_image
from powercut.ops import key_text
from powercut_models import difference_words
from powercut_models.image import Difference, ImageError, Survey, compare_surveys, survey

DIFFERENT = 1


@click.group("image", cls=Group)
def image_group() -> None:
    """Look at image files in littlefs's on-disk format."""


@image_group.command(
    "diff",
    arguments={"A": "a littlefs image file", "B": "another"},
    examples=[
        "powercut image diff before.img after.img",
        "powercut image diff before.img after.img --json | jq .entries",
    ],
    exits={0: "the same in structure and contents", 1: "a difference"},
)
@click.argument("a", type=PATH)
@click.argument("b", type=PATH)
@json_option
@click.option(
    "--bytes", "count_bytes", is_flag=True, help="Bytes that nothing reaches are a difference, too."
)
@click.option("--block-size", type=SIZE, metavar="BYTES", help="Instead of what the images say.")
def diff_command(a: Path, b: Path, *, as_json: bool, count_bytes: bool, block_size: int | None) -> int:
    """Tell in what the images A and B differ: superblock, pending work, entries, list of pairs, commits and
    tags of each pair, blocks in use.

    What only A has comes behind a -, what only B has behind a +. Tags of unknown types, and tags that are not
    as the format has them, are pointed out with their place. Damaged images are followed as far as they go.
    """
    found = compare_surveys(_look(a, block_size), _look(b, block_size))
    same = found.same and not (count_bytes and found.a.data != found.b.data)
    code, verdict = (0, "same") if same else (DIFFERENT, "different")
    if as_json:
        return answer(_fields(found), code, verdict)
    for line in difference_words.lines(found, key_text):
        click.echo(line)
    return code


def _fields(found: Difference) -> dict[str, Any]:
    fields = difference_words.as_fields(found, key_text)
    for change in fields["entries"]:
        for side in (change["a"], change["b"]):
            if side is not None:
                side["time"] = time_fields(side["time"])
    return fields


def _look(path: Path, block_size: int | None) -> Survey:
    """Raises PowercutError that names the image that is none."""
    try:
        return survey(read_image(path), block_size)
    except ImageError as error:
        asked = block_size is not None
        advice = ", so nothing can be followed" if asked else "; if it is an image, say --block-size"
        raise PowercutError(f"Cannot tell what {path} is: {error}{advice}.") from error
