# SPDX-License-Identifier: ISC
"""How two images differ, from their superblocks down to single tags.

Where both have blocks of one size, a pair is compared with the pair in the same two blocks. Else block
numbers mean nothing, and what is compared is what does not depend on them: superblock, pending work, the
pairs of each dictionary, entries. `difference_words` tells it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, fields
from difflib import SequenceMatcher
from typing import Final, Literal

from powercut_models.blocks import Log, Tag
from powercut_models.oddities import Oddity, oddities, version_words
from powercut_models.pairs import Blocks
from powercut_models.reading import Superblock
from powercut_models.survey import PairLogs, Survey, survey
from powercut_models.tree import Entry

Side = Literal["a", "b"]

ROOT_KEY: Final = b""
"""The key under which the root's attributes are compared."""


@dataclass(frozen=True, slots=True)
class Field:
    """Something that has a value on both sides; None: it is not there."""

    name: str
    a: object
    b: object


@dataclass(frozen=True, slots=True)
class EntryChange:
    """An entry that one side lacks (a or b None), or that differs in `what`: kind, data, time, attributes."""

    key: bytes
    a: Entry | None
    b: Entry | None
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TagChange:
    """A tag that is on one side alone, in its block; commit: the number of its commit from 1, 0: torn."""

    side: Side
    commit: int
    tag: Tag


@dataclass(frozen=True, slots=True)
class LogChange:
    """A metadata block that both have; same: tags that are in both, in one order."""

    block: int
    facts: tuple[Field, ...]
    same: int
    tags: tuple[TagChange, ...]


@dataclass(frozen=True, slots=True)
class PairChange:
    """A pair that one side lacks (a or b None), or whose blocks differ."""

    blocks: Blocks
    a: PairLogs | None
    b: PairLogs | None
    facts: tuple[Field, ...]
    logs: tuple[LogChange, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Everything in which image b differs from image a.

    thread: the list of pairs of each side, None where they are the same; blocks: whose block it is, where
    that differs; unreached: blocks that differ in bytes alone that no structure reaches; comparable: whether
    blocks could be compared.
    """

    a: Survey
    b: Survey
    comparable: bool
    superblock: tuple[Field, ...]
    state: tuple[Field, ...]
    thread: tuple[tuple[Blocks, ...], tuple[Blocks, ...]] | None
    entries: tuple[EntryChange, ...]
    pairs: tuple[PairChange, ...]
    blocks: tuple[Field, ...]
    unreached: tuple[int, ...]
    odd: tuple[tuple[Side, Oddity], ...]

    @property
    def same(self) -> bool:
        """Whether nothing but unreached bytes differs."""
        told = (self.superblock, self.state, self.thread, self.entries, self.pairs, self.blocks)
        return not any(told)


def compare(a: bytes, b: bytes, block_size: int | None = None) -> Difference:
    """Compares two images. Raises ImageError where one has no block size that can be found and none is
    given."""
    return compare_surveys(survey(a, block_size), survey(b, block_size))


def compare_surveys(one: Survey, other: Survey) -> Difference:
    """The same of two images that were looked at before."""
    comparable = one.block_size == other.block_size
    pairs = _pairs(one, other) if comparable else ()
    odd: list[tuple[Side, Oddity]] = [("a", found) for found in oddities(one)]
    odd += [("b", found) for found in oddities(other)]
    return Difference(
        a=one,
        b=other,
        comparable=comparable,
        superblock=_superblock(one, other),
        state=_state(one, other, comparable),
        thread=_thread(one, other) if comparable else None,
        entries=tuple(_entries(one, other)),
        pairs=pairs,
        blocks=_owners(one, other) if comparable else (),
        unreached=_unreached(one, other, pairs) if comparable else (),
        odd=tuple(odd),
    )


# --- the whole image -----------------------------------------------------------------------------------


def _changed(name: str, a: object, b: object) -> tuple[Field, ...]:
    return () if a == b else (Field(name, a, b),)


def _superblock(a: Survey, b: Survey) -> tuple[Field, ...]:
    sides = [
        {field.name: getattr(seen.superblock, field.name, None) for field in fields(Superblock)}
        for seen in (a, b)
    ]
    found = [field for name in sides[0] for field in _changed(name, sides[0][name], sides[1][name])]
    return (*_changed("bytes", len(a.data), len(b.data)), *found, *_changed("problem", a.problem, b.problem))


def _state(a: Survey, b: Survey, comparable: bool) -> tuple[Field, ...]:
    if a.image is None or b.image is None:
        return ()
    one, other = a.image.state, b.image.state
    moves = (one.move, other.move) if comparable else (one.move is not None, other.move is not None)
    left = [tuple(pair.blocks for pair in seen.image.leftovers) if seen.image else () for seen in (a, b)]
    leftovers = left if comparable else [len(left[0]), len(left[1])]
    counts = [_pair_counts(seen) for seen in (a, b)]
    return (
        *_changed("move", *moves),
        *_changed("orphans", one.orphans, other.orphans),
        *_changed("leftovers", *leftovers),
        *(
            field
            for owner in ({} if comparable else dict.fromkeys([*counts[0], *counts[1]]))
            for field in _changed(f"pairs of {owner}", counts[0].get(owner, 0), counts[1].get(owner, 0))
        ),
    )


def _pair_counts(seen: Survey) -> Counter[str]:
    """Pairs by their owner, whose words end in the pair's blocks."""
    return Counter((pair.owner or "nobody known").partition(" (pair ")[0] for pair in seen.pairs)


def _thread(a: Survey, b: Survey) -> tuple[tuple[Blocks, ...], tuple[Blocks, ...]] | None:
    if a.image is None or b.image is None:
        return None
    one = tuple(pair.blocks for pair in a.image.thread)
    other = tuple(pair.blocks for pair in b.image.thread)
    return None if one == other else (one, other)


def _entries(a: Survey, b: Survey) -> list[EntryChange]:
    sides = [{entry.key: entry for entry in (_root(seen), *seen.entries)} for seen in (a, b)]
    changes = []
    for key in sorted({*sides[0], *sides[1]}, key=lambda key: key.split(b"/") if key else []):
        one, other = sides[0].get(key), sides[1].get(key)
        what = _what(one, other) if one and other else ()
        if what or one is None or other is None:
            changes.append(EntryChange(key, one, other, what))
    return changes


def _root(seen: Survey) -> Entry:
    return Entry(ROOT_KEY, "dictionary", None, None, dict(seen.root_attrs))


def _what(a: Entry, b: Entry) -> tuple[str, ...]:
    pairs = (
        ("kind", a.kind, b.kind),
        ("data", a.data, b.data),
        ("time", a.time, b.time),
        ("attributes", a.attrs, b.attrs),
    )
    return tuple(name for name, one, other in pairs if one != other)


def entry_digest(entry: Entry) -> str | None:
    """The SHA-256 of a value in hex; None for a dictionary."""
    return None if entry.data is None else hashlib.sha256(entry.data).hexdigest()


# --- pairs, commits, tags ------------------------------------------------------------------------------


def _pairs(a: Survey, b: Survey) -> tuple[PairChange, ...]:
    sides = [{frozenset(pair.blocks): pair for pair in seen.pairs} for seen in (a, b)]
    found: list[PairChange] = []
    for key in dict.fromkeys([*sides[0], *sides[1]]):
        one, other = sides[0].get(key), sides[1].get(key)
        if one is None or other is None:
            present = one or other
            assert present is not None
            found.append(PairChange(present.blocks, one, other, (), ()))
            continue
        facts = (
            *_changed("order", one.blocks, other.blocks),
            *_changed("speaks", _voice(one), _voice(other)),
        )
        if one.owner is not None and other.owner is not None:
            facts += _changed("owner", one.owner, other.owner)
        logs = tuple(change for change in _pair_logs(one, other) if change.facts or change.tags)
        if facts or logs:
            found.append(PairChange(one.blocks, one, other, facts, logs))
    return tuple(found)


def _voice(pair: PairLogs) -> int | None:
    return pair.newest.block if pair.newest else None


def _pair_logs(a: PairLogs, b: PairLogs) -> list[LogChange]:
    others = {log.block: log for log in b.logs}
    return [_log(log, others[log.block]) for log in a.logs]


def _log(a: Log, b: Log) -> LogChange:
    facts = (
        *_changed("revision", a.revision, b.revision),
        *_changed("commits", len(a.commits), len(b.commits)),
        *_changed("ends at byte", a.append_off, b.append_off),
        *_changed("behind the log", a.ended, b.ended),
        *_changed("forward checksum", a.forward, b.forward),
    )
    if not (a.commits or b.commits):  # neither was ever written; a revision is then no revision
        facts = facts[1:]
    one, other = _numbered(a), _numbered(b)
    keys = [[_key(number, tag) for number, tag in tags] for tags in (one, other)]
    matcher = SequenceMatcher(None, keys[0], keys[1], autojunk=False)
    changes: list[TagChange] = []
    for kind, start, stop, first, last in matcher.get_opcodes():
        if kind != "equal":
            changes += [TagChange("a", *item) for item in one[start:stop]]
            changes += [TagChange("b", *item) for item in other[first:last]]
    same = sum(block.size for block in matcher.get_matching_blocks())
    return LogChange(a.block, facts, same, tuple(changes))


def _numbered(log: Log) -> list[tuple[int, Tag]]:
    """(number of the commit, tag), oldest first; number 0: the commit that was torn."""
    found = [(number, tag) for number, commit in enumerate(log.commits, 1) for tag in commit.tags]
    return found + [(0, tag) for tag in log.torn.tags] if log.torn else found


def _key(number: int, tag: Tag) -> tuple[object, ...]:
    """What makes two tags the same. A commit's checksum covers its revision: of an end only the shape
    counts."""
    data = len(tag.data) if tag.is_crc else tag.data
    return (number > 0, tag.type & 0x7FE if tag.is_crc else tag.type, tag.id, tag.length, data)


# --- blocks --------------------------------------------------------------------------------------------


def _owners(a: Survey, b: Survey) -> tuple[Field, ...]:
    """Who has which block; nobody knows that of all blocks of an image that cannot be right."""
    found: list[Field] = []
    if a.image is None or b.image is None:
        return ()
    for number in sorted({*a.usage, *b.usage}):
        found += _changed(str(number), a.usage.get(number), b.usage.get(number))
    return tuple(found)


def _unreached(a: Survey, b: Survey, pairs: tuple[PairChange, ...]) -> tuple[int, ...]:
    """Blocks whose bytes differ, though nothing that is told accounts for it."""
    told = {log.block for pair in pairs for log in pair.logs}
    told |= {block for pair in pairs if pair.a is None or pair.b is None for block in pair.blocks}
    count = min(len(a.data), len(b.data)) // a.block_size
    metadata = {block for seen in (a, b) for pair in seen.pairs for block in pair.blocks}
    found = []
    for number in range(count):
        of_value = number not in metadata and (number in a.usage or number in b.usage)
        if number not in told and not of_value and a.block(number) != b.block(number):
            found.append(number)
    return tuple(found)


def version_oddities(difference: Difference) -> list[tuple[Side, str]]:
    """What is odd about the versions, by side."""
    sides: list[tuple[Side, str]] = [
        ("a", version_words(difference.a.superblock)),
        ("b", version_words(difference.b.superblock)),
    ]
    return [(side, words) for side, words in sides if words]
