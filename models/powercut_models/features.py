# SPDX-License-Identifier: ISC
"""Which structures of the format an image shows, by name: what a set of images covers, and what it lacks.

`structure` is about one image, `step` about what happened between two, `role` about one block. KNOWN names
all that there can be, so that what was never seen can be told too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from powercut_models.blocks import (
    CONDEMNED,
    CREATE,
    DELETE,
    DIRECTORY,
    FILE,
    INLINE_STRUCT,
    SUPERBLOCK,
    Log,
    Tag,
    le32,
)
from powercut_models.pairs import Pair, Slot, meet
from powercut_models.reading import Image
from powercut_models.survey import Survey
from powercut_models.tree import TIMESTAMP, Entry

_CHECK: Final = 0x76  # skink's own, see docs/format.md, "What skink adds"

#: Tags by their type; attributes of others have words of their own.
TAGS: Final = {
    0x001: "tag: a value's name",
    0x002: "tag: a dictionary's name",
    CONDEMNED: "tag: a dictionary that is being removed",
    0x0FF: "tag: the superblock's name",
    0x200: "tag: a dictionary's pair",
    0x201: "tag: an inline value",
    0x202: "tag: a value in blocks",
    0x374: "tag: a timestamp",
    0x376: "tag: a checksum of a value",
    CREATE: "tag: a new entry",
    DELETE: "tag: an entry that is gone",
    0x500: "tag: the end of a commit, valid bit 0",
    0x501: "tag: the end of a commit, valid bit 1",
    0x5FF: "tag: a forward checksum",
    0x600: "tag: a soft tail",
    0x601: "tag: a hard tail",
    0x7FF: "tag: a share of the global state",
}
_LENGTHS: Final = ("1 block", "2 blocks", "3 blocks", "4 blocks")

KNOWN: Final = frozenset(
    {
        *TAGS.values(),
        *(f"value: {length}" for length in (*_LENGTHS, "5 to 8 blocks", "9 blocks or more")),
        "tag: a foreign attribute",
        "tag: an attribute that is gone",
        "version: 2.0",
        "version: 2.1",
        "superblock: a chain",
        "superblock: one of the chain has another block count",
        "log: one commit",
        "log: several commits",
        "log: a commit of padding alone",
        "log: full",
        "log: a torn commit behind it",
        "log: the forward checksum differs",
        "log: the forward checksum is missing",
        "pair: the other block is erased or was never written",
        "pair: the other block is older",
        "pair: the other block holds no valid commit",
        "pair: no entries",
        "pair: only the tree knows it",
        "pair: an orphan on the list",
        "pair: the list has its old place",
        "dictionary: one pair",
        "dictionary: two pairs",
        "dictionary: three pairs or more",
        "dictionary: empty",
        "dictionary: three levels down",
        "state: a value is moving",
        "state: a dictionary is moving",
        "state: orphans to look for",
        "state: shares that cancel out",
        "value: empty",
        "value: inline",
        "value: without a time",
        "attribute: of a value",
        "attribute: of a dictionary",
        "attribute: of the root",
        "name: as long as may be",
        "name: one that begins another",
        "name: no struct yet",
    }
)


def structure(seen: Survey) -> frozenset[str]:
    """The structures in an image; of one that cannot be right those of its logs alone."""
    found = set(_logs(seen))
    if seen.image is not None:
        found |= {*_superblocks(seen.image), *_tree(seen.image), *_state(seen.image), *_entries(seen)}
    return frozenset(found)


# --- logs ----------------------------------------------------------------------------------------------


def _logs(seen: Survey) -> Iterator[str]:
    for pair in seen.pairs:
        newest = pair.newest
        if newest is None:
            continue
        other = next(log for log in pair.logs if log is not newest)
        yield from _log(newest, seen.block_size)
        yield _other(other)
        for tag in newest.tags:
            yield _tag(tag)


def _log(log: Log, block_size: int) -> Iterator[str]:
    yield "log: one commit" if len(log.commits) == 1 else "log: several commits"
    if any(all(tag.group == 0x500 for tag in commit.tags) for commit in log.commits):
        yield "log: a commit of padding alone"
    if log.append_off == block_size:
        yield "log: full"
    if log.torn is not None:
        yield "log: a torn commit behind it"
    if log.forward in ("differs", "missing"):
        yield f"log: the forward checksum {'differs' if log.forward == 'differs' else 'is missing'}"


def _other(log: Log) -> str:
    if log.commits:
        return "pair: the other block is older"
    if log.ended == "the block is erased":
        return "pair: the other block is erased or was never written"
    return "pair: the other block holds no valid commit"


def _tag(tag: Tag) -> str:
    if tag.group == 0x300 and tag.deleted:
        return "tag: an attribute that is gone"
    return TAGS.get(tag.type, "tag: a foreign attribute" if tag.group == 0x300 else f"tag: 0x{tag.type:03x}")


# --- the whole image -----------------------------------------------------------------------------------


def _superblocks(image: Image) -> Iterator[str]:
    yield "version: {}.{}".format(*image.superblock.version)
    chain = [pair for pair in image.thread if pair.slots and pair.slots[0].type == SUPERBLOCK]
    if len(chain) > 1:
        yield "superblock: a chain"
    structs = [pair.slots[0].struct for pair in chain]
    if any(one is not None and le32(one.data, 8) != image.superblock.block_count for one in structs):
        yield "superblock: one of the chain has another block count"


def _tree(image: Image) -> Iterator[str]:
    threaded = {frozenset(pair.blocks) for pair in image.thread}
    if any(frozenset(pair.blocks) not in threaded for pair in image.pairs):
        yield "pair: only the tree knows it"
    for pair in image.leftovers:
        moved = any(meet(pair.blocks, other.blocks) for other in image.pairs if other is not pair)
        yield "pair: the list has its old place" if moved else "pair: an orphan on the list"
    for pair in image.pairs:
        if not pair.slots:
            yield "pair: no entries"
        for slot in pair.slots:
            yield from _slot(slot)
    for count in pair_counts(image).values():
        yield "dictionary: " + {1: "one pair", 2: "two pairs"}.get(count, "three pairs or more")


def _slot(slot: Slot) -> Iterator[str]:
    if slot.name is not None and slot.struct is None:
        yield "name: no struct yet"
    elif slot.type == FILE and slot.struct is not None and slot.struct.type == INLINE_STRUCT:
        yield "value: inline" if slot.struct.data else "value: empty"


def pair_counts(image: Image) -> Counter[str]:
    """How many pairs each dictionary has, by the words for its owner; orphans apart."""
    owners = (image.usage.get(pair.newest.block, "") for pair in image.pairs)
    return Counter(owner.partition(" (pair ")[0] for owner in owners if "dictionary" in owner)


def _state(image: Image) -> Iterator[str]:
    state = image.state
    if state.orphans:
        yield "state: orphans to look for"
    if not any(state.raw) and any(any(pair.delta) for pair in image.thread):
        yield "state: shares that cancel out"
    if state.move is None:
        return
    blocks, number = state.move
    source = next((pair for pair in image.pairs if meet(pair.blocks, blocks)), None)
    is_dictionary = source is not None and source.slots[number].type == DIRECTORY
    yield f"state: a {'dictionary' if is_dictionary else 'value'} is moving"


def _entries(seen: Survey) -> Iterator[str]:
    assert seen.image is not None
    if any(kind not in (TIMESTAMP, _CHECK) for kind in seen.root_attrs):
        yield "attribute: of the root"
    keys = {entry.key for entry in seen.entries}
    parents = {key.rpartition(b"/")[0] for key in keys}
    blocks = Counter(owner for owner in seen.usage.values() if owner.startswith("the value "))
    for length in blocks.values():
        yield f"value: {_length(length)}"
    for entry in seen.entries:
        yield from _entry(entry, seen, parents)
    if any(key[:-1] in keys and key[-1:] != b"/" for key in keys):
        yield "name: one that begins another"


def _length(count: int) -> str:
    if count <= len(_LENGTHS):
        return _LENGTHS[count - 1]
    return "5 to 8 blocks" if count <= 8 else "9 blocks or more"


def _entry(entry: Entry, seen: Survey, parents: set[bytes]) -> Iterator[str]:
    assert seen.superblock is not None
    if len(entry.key.rpartition(b"/")[2]) == seen.superblock.name_max:
        yield "name: as long as may be"
    foreign = any(kind != _CHECK for kind in entry.attrs)
    if entry.data is None:
        if entry.key not in parents:
            yield "dictionary: empty"
        if entry.key.count(b"/") >= 2:
            yield "dictionary: three levels down"
        if foreign:
            yield "attribute: of a dictionary"
        return
    if foreign:
        yield "attribute: of a value"
    if entry.time is None:
        yield "value: without a time"


# --- between two images --------------------------------------------------------------------------------


def step(before: Image, after: Image) -> frozenset[str]:
    """What the metadata went through from one image to a later one: `append`, `compaction`, `split`, `drop`,
    `new dictionary`, `dictionary gone`, `relocation`."""
    found: set[str] = set()
    was = {frozenset(pair.blocks): pair for pair in before.pairs}
    for pair in after.pairs:
        old = was.get(frozenset(pair.blocks))
        if old is None:
            continue
        if old.newest.block != pair.newest.block or old.newest.revision != pair.newest.revision:
            found.add("compaction")
        elif len(old.newest.commits) < len(pair.newest.commits):
            found.add("append")
    return frozenset(found | set(_steps_of_tree(before, after)))


def _steps_of_tree(before: Image, after: Image) -> Iterator[str]:
    one, other = pair_counts(before), pair_counts(after)
    for owner in {*one, *other}:
        if owner not in one:
            yield "new dictionary"
        elif owner not in other:
            yield "dictionary gone"
        elif one[owner] != other[owner]:
            yield "split" if other[owner] > one[owner] else "drop"
    if any(_half(pair, before) for pair in after.pairs):
        yield "relocation"


def _half(pair: Pair, before: Image) -> bool:
    """Whether exactly one block of the pair was in one of the pairs before."""
    return any(len(set(pair.blocks) & set(old.blocks)) == 1 for old in before.pairs)


def role(image: Image, block: int) -> str:
    """What a block is in an image: `newest`, `other` (of a pair), `value`, `free`."""
    for pair in image.pairs:
        if block in pair.blocks:
            return "newest" if pair.newest.block == block else "other"
    return "value" if block in image.usage else "free"
