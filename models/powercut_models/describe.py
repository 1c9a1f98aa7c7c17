# SPDX-License-Identifier: ISC
"""An image in words, or as one structure for JSON: blocks, commits, tags, and what they add up to.

Works on damaged images as far as they can be followed, and says what is wrong with them.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from powercut_models.blocks import (
    CONDEMNED,
    CREATE,
    CTZ_STRUCT,
    DELETE,
    DIR_STRUCT,
    DIRECTORY,
    FILE,
    FORWARD_CRC,
    INLINE_STRUCT,
    MOVE_STATE,
    NULL,
    SUPERBLOCK,
    Commit,
    ImageError,
    Log,
    Tag,
    le32,
)
from powercut_models.pairs import Blocks, newest_log
from powercut_models.reading import Image, Superblock, find_geometry, read_image
from powercut_models.survey import reachable
from powercut_models.tree import TIMESTAMP, Entry

_KINDS: Final = {FILE: "a value", DIRECTORY: "a dictionary", SUPERBLOCK: "the superblock"}


def as_dict(
    data: bytes, block_size: int | None = None, block_count: int | None = None, prog_size: int | None = None
) -> dict[str, Any]:
    """An image as one structure that JSON can hold (bytes as hex, keys with surrogate escapes for what is not
    UTF-8).

    Keys: `bytes`, `block_size`, `block_count`, `superblock`, `state`, `pairs`, `entries`, `usage` and
    `problem`: None, or why the image cannot be right; superblock, state, entries and usage are then None.
    Raises ImageError only where no block size is given and none is found.
    """
    problem: str | None = None
    image: Image | None = None
    superblock: Superblock | None = None
    try:
        block_size, superblock = find_geometry(data, block_size)
        image = read_image(data, block_size, block_count, prog_size)
        superblock = image.superblock
    except ImageError as error:
        if block_size is None or block_size < 1:
            raise
        problem = str(error)
    pairs = _pairs_of(image) if image else _damaged_pairs(data, block_size)
    return {
        "bytes": len(data),
        "block_size": block_size,
        "block_count": superblock.block_count if superblock else len(data) // block_size,
        "superblock": asdict(superblock) if superblock else None,
        "state": _state_dict(image) if image else None,
        "pairs": pairs,
        "entries": [_entry_dict(entry) for entry in image.entries()] if image else None,
        "usage": {str(block): owner for block, owner in image.usage.items()} if image else None,
        "problem": problem,
    }


def describe(
    data: bytes, block_size: int | None = None, block_count: int | None = None, prog_size: int | None = None
) -> Iterator[str]:
    """The lines of as_dict in words. Raises ImageError where as_dict does, before the first line."""
    return described(as_dict(data, block_size, block_count, prog_size))


def tag_words(tag: Tag) -> str:
    """What one tag says."""
    if tag.is_crc:
        padding = max(len(tag.data) - 4, 0)
        return f"end of the commit, checksum 0x{le32(tag.data, 0):08x}, {padding} bytes of padding"
    if tag.type == FORWARD_CRC:
        return f"forward checksum 0x{le32(tag.data, 4):08x} over the next {le32(tag.data, 0)} bytes"
    if tag.type == MOVE_STATE:
        return f"this pair's share of the global state: {tag.data.hex()}"
    if tag.group == 0x600:
        kind = "the same dictionary's next pair" if tag.chunk & 1 else "the next dictionary on the list"
        return f"{kind}: {_pointer(tag.data)}"
    return f"entry {tag.id}: {_entry_tag_words(tag)}"


def _entry_tag_words(tag: Tag) -> str:
    if tag.type == CREATE:
        return "new; those from here on move up"
    if tag.type == DELETE:
        return "gone; those behind it move down"
    if tag.group == 0x000:
        if tag.type == CONDEMNED:
            return "a dictionary that is being removed, without a name"
        return f"{_KINDS.get(tag.type, f'of unknown type 0x{tag.type:03x}')} named {_show(tag.data)}"
    if tag.group == 0x300:
        return _attribute_words(tag)
    if tag.deleted:
        return "has no data any more"
    if tag.type == DIR_STRUCT:
        return f"its entries begin in {_pointer(tag.data)}"
    if tag.type == INLINE_STRUCT:
        return f"its {len(tag.data)} bytes are here"
    if tag.type == CTZ_STRUCT:
        return f"its {le32(tag.data, 4)} bytes end in block {le32(tag.data, 0)}"
    return f"a tag of unknown type 0x{tag.type:03x} with {len(tag.data)} bytes"


def _attribute_words(tag: Tag) -> str:
    if tag.deleted:
        return f"attribute 0x{tag.chunk:02x} is gone"
    if tag.chunk == TIMESTAMP and len(tag.data) == 12:
        picoseconds = int.from_bytes(tag.data[4:], "little")
        return f"modified on day {le32(tag.data, 0)}, {picoseconds} ps into it"
    return f"attribute 0x{tag.chunk:02x} with {len(tag.data)} bytes"


def _pointer(data: bytes) -> str:
    one, other = le32(data, 0), le32(data, 4)
    return "none" if one == other == NULL else f"pair {{{one}, {other}}}"


def _show(name: bytes) -> str:
    return repr(name)[1:]


# --- the structure -------------------------------------------------------------------------------------


def _pairs_of(image: Image) -> list[dict[str, Any]]:
    found = []
    for pair in image.pairs:
        owner = image.usage.get(pair.newest.block)
        found.append(_pair_dict(pair.blocks, pair.logs, owner))
    return found


def _damaged_pairs(data: bytes, block_size: int) -> list[dict[str, Any]]:
    return [_pair_dict(pair.blocks, pair.logs, None) for pair in reachable(data, block_size)]


def _pair_dict(blocks: Blocks, logs: tuple[Log, Log], owner: str | None) -> dict[str, Any]:
    newest = newest_log(*logs)
    return {
        "blocks": list(blocks),
        "owner": owner,
        "newest": newest.block if newest else None,
        "logs": [_log_dict(log) for log in logs],
    }


def _log_dict(log: Log) -> dict[str, Any]:
    return {
        "block": log.block,
        "revision": log.revision,
        "append_off": log.append_off,
        "forward": log.forward,
        "ended": log.ended,
        "commits": [_commit_dict(commit) for commit in log.commits],
        "torn": _commit_dict(log.torn) if log.torn else None,
    }


def _commit_dict(commit: Commit) -> dict[str, Any]:
    return {
        "start": commit.start,
        "end": commit.end,
        "valid": commit.valid,
        "crc": commit.crc,
        "computed": commit.computed,
        "tags": [
            {
                "off": tag.off,
                "type": tag.type,
                "id": tag.id,
                "length": tag.length,
                "data": tag.data.hex(),
                "words": tag_words(tag),
            }
            for tag in commit.tags
        ],
    }


def _state_dict(image: Image) -> dict[str, Any]:
    move = image.state.move
    return {
        "raw": image.state.raw.hex(),
        "move": {"pair": list(move[0]), "id": move[1]} if move else None,
        "orphans": image.state.orphans,
        "leftovers": [list(pair.blocks) for pair in image.leftovers],
    }


def _entry_dict(entry: Entry) -> dict[str, Any]:
    return {
        "key": entry.key.decode("utf-8", "surrogateescape"),
        "kind": entry.kind,
        "size": None if entry.data is None else len(entry.data),
        "sha256": None if entry.data is None else hashlib.sha256(entry.data).hexdigest(),
        "time": list(entry.time) if entry.time else None,
        "attrs": {str(kind): value.hex() for kind, value in entry.attrs.items()},
    }


# --- the words -----------------------------------------------------------------------------------------


def described(found: dict[str, Any]) -> Iterator[str]:
    """The lines of describe for what as_dict found."""
    yield f"image: {found['bytes']} bytes, {found['block_count']} blocks of {found['block_size']} bytes"
    if found["superblock"]:
        facts = found["superblock"]
        version = ".".join(map(str, facts["version"]))
        limits = ", ".join(f"{name} {facts[name]}" for name in ("name_max", "file_max", "attr_max"))
        yield f"superblock: littlefs version {version}, {limits}"
    if found["state"]:
        yield f"pending: {_pending_words(found['state'])}"
    for pair in found["pairs"]:
        yield ""
        yield from _pair_lines(pair)
    if found["usage"] is not None:
        yield ""
        yield from _usage_lines(found)
    if found["problem"]:
        yield ""
        yield f"problem: {found['problem']}"


def _pending_words(state: dict[str, Any]) -> str:
    words = []
    if state["move"]:
        one, other = state["move"]["pair"]
        words.append(f"entry {state['move']['id']} of pair {{{one}, {other}}} has moved and is to be deleted")
    if state["orphans"]:
        words.append("the list of pairs is to be searched for orphans")
    for one, other in state["leftovers"]:
        words.append(f"pair {{{one}, {other}}} is on the list and no longer in the tree")
    return "; ".join(words) or "nothing"


def _pair_lines(pair: dict[str, Any]) -> Iterator[str]:
    one, other = pair["blocks"]
    yield f"pair {{{one}, {other}}}" + (f": {pair['owner']}" if pair["owner"] else "")
    for log in pair["logs"]:
        role = (
            "speaks"
            if log["block"] == pair["newest"]
            else "is the older one"
            if log["commits"]
            else "is not valid"
        )
        yield f"  block {log['block']}: revision {log['revision']}, {role}"
        for number, commit in enumerate(log["commits"], 1):
            yield f"    commit {number}, bytes {commit['start']} to {commit['end']}, checksum right"
            yield from _tag_lines(commit)
        if log["torn"]:
            torn = log["torn"]
            yield f"    not a commit, bytes {torn['start']} to {torn['end']}"
            yield from _tag_lines(torn)
        yield f"    ends at byte {log['append_off']}: {log['ended']}; forward checksum {log['forward']}"


def _tag_lines(commit: dict[str, Any]) -> Iterator[str]:
    for tag in commit["tags"]:
        yield f"      byte {tag['off']}: 0x{tag['type']:03x} {tag['words']}"


def _usage_lines(found: dict[str, Any]) -> Iterator[str]:
    usage = found["usage"]
    yield f"usage: {len(usage)} of {found['block_count']} blocks"
    for block, owner in usage.items():
        yield f"  block {block}: {owner}"
