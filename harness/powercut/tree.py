# SPDX-License-Identifier: ISC
"""A workload out of a real directory: its files as values, then overwrites and removals."""

from __future__ import annotations

import os
import random
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from powercut.errors import PowercutError
from powercut.geometry import DEVICE_MAX, Geometry
from powercut.ops import Literal, Op
from powercut.predict import blocks_needed

#: Why a file is left out that would be too much.
TOO_LARGE = "files past the limits of bytes"


@dataclass(frozen=True, slots=True)
class TreeLimits:
    """How much of a directory is taken: files, bytes in all, bytes of one file, bytes of a name."""

    files: int = 200
    total: int = 2 << 20
    one: int = 256 << 10
    name_max: int = 255


@dataclass(frozen=True, slots=True)
class Tree:
    """What was taken, as (key, bytes) in the order of the keys, and how many were left out, by reason.

    ``complete``: the whole directory was looked at; else the limits were reached before.
    """

    files: tuple[tuple[bytes, bytes], ...]
    skipped: dict[str, int] = field(default_factory=dict)
    complete: bool = True

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(len(data) for _, data in self.files)

    def __str__(self) -> str:
        left = ", ".join(f"{count} {reason}" for reason, count in self.skipped.items()) or "none"
        rest = "" if self.complete else ", and the rest, past the limits"
        return f"{len(self.files)} files, {self.size} bytes; left out: {left}{rest}"


def read_tree(root: Path, limits: TreeLimits) -> Tree:
    """Reads the directory, sorted by name. Raises PowercutError where there is nothing to take."""
    skipped: Counter[str] = Counter()
    files: list[tuple[bytes, bytes]] = []
    left = limits.total
    try:
        os.scandir(root).close()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PowercutError(
            f"Cannot read the directory {root}: {reason}; name one that you may read."
        ) from error
    complete = True
    for key, path in _walk(os.fsencode(root), b"", limits.name_max, skipped):
        if len(files) >= limits.files or left <= 0 or skipped[TOO_LARGE] > limits.files:
            complete = False
            break
        data = _read(path, min(limits.one, left), skipped)
        if data is not None:
            files.append((key, data))
            left -= len(data)
    if not files:
        raise PowercutError(
            f"The directory {root} holds no file that can be taken; name one with small files."
        )
    return Tree(tuple(files), dict(sorted((+skipped).items())), complete)


def tree_operations(tree: Tree, seed: int) -> tuple[Op, ...]:
    """Sets every file, overwrites some with others' bytes, removes some, and two whole dictionaries."""
    draw = random.Random(seed)
    made = [Op("set", key, value=Literal(data)) for key, data in tree.files]
    shuffled = list(tree.files)
    draw.shuffle(shuffled)
    part = max(len(shuffled) // 6, 1)
    pairs = zip(shuffled[:part], tree.files, strict=False)
    changed = [Op("set", key, value=Literal(other)) for (key, _), (_, other) in pairs]
    removed = [Op("remove", key) for key, _ in shuffled[part : 2 * part]]
    both = changed + removed
    draw.shuffle(both)
    dictionaries = sorted({key.rpartition(b"/")[0] for key, _ in tree.files} - {b""})
    last = [Op("remove", key) for key in draw.sample(dictionaries, min(2, len(dictionaries)))]
    return (*made, Op("list", b""), *both, *last, Op("size", b""))


def tree_geometry(tree: Tree, block_size: int, prog_size: int, read_size: int, erase: int | None) -> Geometry:
    """A device on which the tree fits well. Raises PowercutError where that is none for memory."""
    shape = Geometry(read_size, prog_size, block_size, 1, erase).checked()
    needed = 2 * blocks_needed(shape, ((len(key), len(data)) for key, data in tree.files))
    if needed * block_size > DEVICE_MAX:
        raise PowercutError(f"The tree needs {needed} blocks of {block_size} bytes, too many.")
    return Geometry(read_size, prog_size, block_size, max(needed, 64), erase)


def _walk(
    folder: bytes, prefix: bytes, name_max: int, skipped: Counter[str]
) -> Iterator[tuple[bytes, bytes]]:
    """(key, path) of each regular file below, depth first, sorted."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        skipped["directories that cannot be read"] += 1
        return
    for entry in found:
        try:
            mode = entry.stat(follow_symlinks=False).st_mode
        except OSError:  # gone since
            skipped["files that cannot be read"] += 1
            continue
        key = prefix + entry.name
        if len(entry.name) > name_max:
            skipped["names too long for the format"] += 1
        elif stat.S_ISDIR(mode):
            yield from _walk(entry.path, key + b"/", name_max, skipped)
        elif stat.S_ISREG(mode):
            yield key, entry.path
        else:
            skipped["neither files nor directories"] += 1


def _read(path: bytes, limit: int, skipped: Counter[str]) -> bytes | None:
    """The file's bytes; None, and counted, where it is too large or cannot be read."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - the path is bytes
            data = file.read(limit + 1)
    except OSError:
        skipped["files that cannot be read"] += 1
        return None
    if len(data) > limit:
        skipped[TOO_LARGE] += 1
        return None
    return data
