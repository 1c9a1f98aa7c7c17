# SPDX-License-Identifier: ISC
"""The difference of two images in words, and as one structure for JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, Final

from powercut_models.blocks import INLINE_STRUCT, Log, Tag
from powercut_models.describe import tag_words
from powercut_models.difference import (
    ROOT_KEY,
    Difference,
    EntryChange,
    Field,
    LogChange,
    PairChange,
    TagChange,
    entry_digest,
    version_oddities,
)
from powercut_models.pairs import Blocks, pair_title
from powercut_models.survey import PairLogs, Survey
from powercut_models.tree import Entry

ShowKey = Callable[[bytes], str]
"""How a key is shown."""

_SIGNS: Final = {"a": "-", "b": "+"}
_SHORT: Final = 32  # bytes of an inline struct that are shown, so that two of one length can be told apart


def lines(found: Difference, show: ShowKey) -> Iterator[str]:
    """The whole difference: what only A has behind a -, what only B has behind a +."""
    yield f"A: {_image_words(found.a)}"
    yield f"B: {_image_words(found.b)}"
    if not found.comparable:
        yield "blocks of different sizes: what lies in them is compared, and not the blocks"
    for field in found.superblock:
        yield f"{field.name.replace('_', ' ')}: {_change(field)}"
    for field in found.state:
        yield f"pending, {field.name}: {_change(field)}" if " of " not in field.name else _plain(field)
    yield from _entry_lines(found, show)
    if found.thread is not None:
        yield "list of pairs:"
        yield from (f"  {sign} {_thread_words(side)}" for sign, side in zip("-+", found.thread, strict=True))
    for pair in found.pairs:
        yield from _pair_lines(pair)
    yield from _block_lines(found)
    yield from _odd_lines(found)
    if found.same:
        yield "no difference" if found.a.data == found.b.data else "no difference in structure or contents"


def as_fields(found: Difference, show: ShowKey) -> dict[str, Any]:
    """The same as one structure that JSON can hold: `same`, `a`, `b`, `comparable`, `superblock`, `state`,
    `thread`, `entries`, `pairs`, `blocks`, `unreached`, `odd`."""
    return {
        "same": found.same,
        "identical": found.a.data == found.b.data,
        "a": _image_fields(found.a),
        "b": _image_fields(found.b),
        "comparable": found.comparable,
        "superblock": [asdict(field) for field in found.superblock],
        "state": [asdict(field) for field in found.state],
        "thread": None if found.thread is None else {"a": found.thread[0], "b": found.thread[1]},
        "entries": [_entry_fields(change, show) for change in found.entries],
        "pairs": [_pair_fields(pair) for pair in found.pairs],
        "blocks": [{"block": int(field.name), "a": field.a, "b": field.b} for field in found.blocks],
        "unreached": list(found.unreached),
        "odd": [{"image": side} | asdict(oddity) for side, oddity in found.odd]
        + [{"image": side, "block": None, "words": words} for side, words in version_oddities(found)],
    }


# --- the whole image -----------------------------------------------------------------------------------


def _image_words(seen: Survey) -> str:
    version = "no superblock"
    if seen.superblock is not None:
        version = "version {}.{}".format(*seen.superblock.version)
    problem = f"; not sound: {seen.problem}" if seen.problem else ""
    count = len(seen.entries)
    return (
        f"{seen.block_count} blocks of {seen.block_size} bytes, {version}, {len(seen.pairs)} pairs, "
        f"{count} {'entry' if count == 1 else 'entries'}{problem}"
    )


def _image_fields(seen: Survey) -> dict[str, Any]:
    return {
        "bytes": len(seen.data),
        "block_size": seen.block_size,
        "block_count": seen.block_count,
        "superblock": asdict(seen.superblock) if seen.superblock else None,
        "pairs": len(seen.pairs),
        "entries": len(seen.entries),
        "problem": seen.problem,
    }


def _plain(field: Field) -> str:
    return f"{field.name}: {_change(field)}"


def _change(field: Field) -> str:
    return f"{_value(field.name, field.a)} -> {_value(field.name, field.b)}"


def _value(name: str, value: object) -> str:
    """A field's value as a person says it."""
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return _tuple_words(name, value)
    return str(value)


def _tuple_words(name: str, value: tuple[Any, ...]) -> str:
    match name:
        case "version":
            return f"{value[0]}.{value[1]}"
        case "move":
            return f"entry {value[1]} of {pair_title(value[0])} has moved and is to be deleted"
        case "order":
            return pair_title((value[0], value[1]))
    return ", ".join(pair_title(blocks) for blocks in value)


def _thread_words(thread: tuple[Blocks, ...]) -> str:
    return " -> ".join(f"{{{one}, {other}}}" for one, other in thread)


# --- entries -------------------------------------------------------------------------------------------


def _entry_lines(found: Difference, show: ShowKey) -> Iterator[str]:
    if not found.entries:
        return
    added = sum(change.a is None for change in found.entries)
    removed = sum(change.b is None for change in found.entries)
    changed = len(found.entries) - added - removed
    yield f"entries: {added} added, {removed} removed, {changed} changed"
    for change in found.entries:
        name = "the root" if change.key == ROOT_KEY else show(change.key)
        if change.a is None and change.b is not None:
            yield f"  + {name}: {_entry_words(change.b)}"
        elif change.b is None and change.a is not None:
            yield f"  - {name}: {_entry_words(change.a)}"
        else:
            yield f"  ~ {name}: {'; '.join(_aspect(what, change) for what in change.what)}"


def _entry_words(entry: Entry) -> str:
    if entry.data is None:
        return "a dictionary"
    return f"a value of {len(entry.data)} bytes, sha256 {(entry_digest(entry) or '')[:12]}"


def _aspect(what: str, change: EntryChange) -> str:
    """One aspect in which an entry that both have differs."""
    one, other = change.a, change.b
    assert one is not None
    assert other is not None
    match what:
        case "kind" | "data":
            return f"{_entry_words(one)} -> {_entry_words(other)}"
        case "time":
            return f"time {_time(one)} -> {_time(other)}"
    return ", ".join(_attribute_words(one.attrs, other.attrs))


def _time(entry: Entry) -> str:
    return "none" if entry.time is None else "{}:{}".format(*entry.time)


def _attribute_words(a: dict[int, bytes], b: dict[int, bytes]) -> Iterator[str]:
    for kind in sorted({*a, *b}):
        one, other = a.get(kind), b.get(kind)
        if one != other:
            sides = ("none" if side is None else side.hex() or "empty" for side in (one, other))
            yield f"attribute 0x{kind:02x} {' -> '.join(sides)}"


def _entry_fields(change: EntryChange, show: ShowKey) -> dict[str, Any]:
    kind = "added" if change.a is None else "removed" if change.b is None else "changed"
    sides = {name: _one_entry(side) for name, side in (("a", change.a), ("b", change.b))}
    return {"key": show(change.key), "change": kind, "what": list(change.what), **sides}


def _one_entry(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {
        "kind": entry.kind,
        "size": None if entry.data is None else len(entry.data),
        "sha256": entry_digest(entry),
        "time": list(entry.time) if entry.time else None,
        "attrs": {str(kind): value.hex() for kind, value in entry.attrs.items()},
    }


# --- pairs, commits, tags ------------------------------------------------------------------------------


def _pair_lines(pair: PairChange) -> Iterator[str]:
    present = pair.b or pair.a
    assert present is not None
    owner = (present.owner or "").partition(" (pair ")[0]  # which names the pair once more
    yield pair_title(pair.blocks) + (f": {owner}" if owner else "")
    if pair.a is None or pair.b is None:
        side = "b" if pair.a is None else "a"
        yield f"  only in {side.upper()}"
        yield from _whole_pair(present, _SIGNS[side])
        return
    for field in pair.facts:
        if field.name != "owner":
            yield f"  {'block that speaks' if field.name == 'speaks' else field.name}: {_change(field)}"
        else:
            yield f"  was {pair.a.owner}"
    for change in pair.logs:
        yield from _log_lines(change)


def _whole_pair(pair: PairLogs, sign: str) -> Iterator[str]:
    """The commits of the block that speaks; the older one says nothing new."""
    newest = pair.newest
    if newest is None:
        yield f"  {sign} no valid commit in either block"
        return
    yield f"  {sign} block {newest.block}: revision {newest.revision}, {_commits(newest)}"
    for number, commit in enumerate(newest.commits, 1):
        for tag in commit.tags:
            yield _tag_line(sign, number, tag)


def _commits(log: Log) -> str:
    count = len(log.commits)
    return f"{count} {'commit' if count == 1 else 'commits'}"


def _log_lines(change: LogChange) -> Iterator[str]:
    facts = "".join(f", {field.name} {_change(field)}" for field in change.facts)
    yield f"  block {change.block}: {change.same} tags the same{facts}"
    for one in change.tags:
        yield _tag_line(_SIGNS[one.side], one.commit, one.tag)


def _tag_line(sign: str, commit: int, tag: Tag) -> str:
    where = f"commit {commit}" if commit else "torn"
    short = tag.type == INLINE_STRUCT and 0 < len(tag.data) <= _SHORT
    data = f": {tag.data.hex()}" if short else ""
    return f"    {sign} {where}, byte {tag.off}: 0x{tag.type:03x} {tag_words(tag)}{data}"


def _pair_fields(pair: PairChange) -> dict[str, Any]:
    sides: dict[str, Any] = {}
    for name, side in (("a", pair.a), ("b", pair.b)):
        newest = side.newest if side else None
        sides[name] = None if side is None else {
            "blocks": list(side.blocks),
            "owner": side.owner,
            "speaks": newest.block if newest else None,
            "revision": newest.revision if newest else None,
            "commits": len(newest.commits) if newest else 0,
        }  # fmt: skip
    return {
        "blocks": list(pair.blocks),
        **sides,
        "facts": [asdict(field) for field in pair.facts],
        "logs": [
            {
                "block": log.block,
                "facts": [asdict(field) for field in log.facts],
                "same": log.same,
                "tags": [_tag_fields(change) for change in log.tags],
            }
            for log in pair.logs
        ],
    }


def _tag_fields(change: TagChange) -> dict[str, Any]:
    tag = change.tag
    return {
        "image": change.side,
        "commit": change.commit,
        "off": tag.off,
        "type": tag.type,
        "id": tag.id,
        "length": tag.length,
        "data": tag.data.hex(),
        "words": tag_words(tag),
    }


# --- blocks and oddities -------------------------------------------------------------------------------


def _block_lines(found: Difference) -> Iterator[str]:
    if found.blocks:
        yield "blocks in use:"
        for field in found.blocks:
            yield f"  block {field.name}: {field.a or 'free'} -> {field.b or 'free'}"
    if found.unreached:
        numbers = ", ".join(map(str, found.unreached))
        yield f"bytes that nothing reaches differ in {_count(len(found.unreached), 'block')}: {numbers}"


def _odd_lines(found: Difference) -> Iterator[str]:
    versions = version_oddities(found)
    if not found.odd and not versions:
        return
    yield "not in docs/format.md:"
    for side, words in versions:
        yield f"  {side.upper()}: {words}"
    for side, one in found.odd:
        yield (
            f"  {side.upper()}, block {one.block}, byte {one.off}: the tag of type 0x{one.type:03x}, "
            f"id {one.id}, length {one.length} {one.words}"
        )


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
