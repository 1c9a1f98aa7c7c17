# SPDX-License-Identifier: ISC
"""`powercut image diff`: in what two images differ, from superblock to tag."""

from __future__ import annotations

import json
from pathlib import Path

import click

from powercut.cli.store import PATH, SIZE
from powercut.errors import PowercutError
from powercut.imagefile import read_image
from powercut.ops import key_text
from powercut_models import difference_words
from powercut_models.image import ImageError, Survey, compare_surveys, survey

DIFFERENT = 1

EXAMPLES = """\
\b
Examples:
  powercut image diff before.img after.img
  powercut image diff before.img after.img --json | jq .entries
"""


@click.group("image")
def image_group() -> None:
    """Look at image files in littlefs's on-disk format."""


@image_group.command("diff", epilog=EXAMPLES)
@click.argument("a", type=PATH)
@click.argument("b", type=PATH)
@click.option("--json", "as_json", is_flag=True, help="One object instead of words.")
@click.option(
    "--bytes", "count_bytes", is_flag=True, help="Bytes that nothing reaches are a difference, too."
)
@click.option("--block-size", type=SIZE, metavar="BYTES", help="Instead of what the images say.")
def diff_command(a: Path, b: Path, *, as_json: bool, count_bytes: bool, block_size: int | None) -> int:
    """Tell in what the images A and B differ: superblock, pending work, entries, list of pairs, commits and
    tags of each pair, blocks in use.

    What only A has comes behind a -, what only B has behind a +. Tags of unknown types, and tags that are not
    as the format has them, are pointed out with their place. Damaged images are followed as far as they go.
    The exit code is 0 where A and B are the same in structure and contents, 1 where they differ, 2 where one
    is no image.
    """
    found = compare_surveys(_look(a, block_size), _look(b, block_size))
    if as_json:
        click.echo(json.dumps(difference_words.as_fields(found, key_text), indent=1, ensure_ascii=False))
    else:
        for line in difference_words.lines(found, key_text):
            click.echo(line)
    same = found.same and not (count_bytes and found.a.data != found.b.data)
    return 0 if same else DIFFERENT


def _look(path: Path, block_size: int | None) -> Survey:
    """Raises PowercutError that names the image that is none."""
    try:
        return survey(read_image(path), block_size)
    except ImageError as error:
        raise PowercutError(
            f"Cannot tell what {path} is: {error}; if it is an image, say --block-size."
        ) from error
