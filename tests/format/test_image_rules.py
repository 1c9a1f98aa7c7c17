# SPDX-License-Identifier: ISC
"""The rules of docs/format.md one by one, on images made by hand, and what breaks them."""

import tracemalloc
from collections.abc import Iterator

import pytest

from powercut_models.blocks import crc32, read_log
from powercut_models.image import Entry, ImageError, describe, read_image

TagTuple = tuple[int, int, bytes]
GONE = b"gone"  # stands for length 0x3ff


def commit(*tags: TagTuple, revision: int = 1, after: bytes = b"") -> bytes:
    """A block's first commit, or (after) that block's bytes with one more: (type, id, data) each."""
    out = bytearray(after or revision.to_bytes(4, "little"))
    start = len(after)
    previous = 0xFFFFFFFF
    if after:
        last = read_log(0, after).tags[-1]
        previous = last.type << 20 | last.id << 10 | last.length
    for kind, number, data in tags:
        word = kind << 20 | number << 10 | (0x3FF if data is GONE else len(data))
        out += (word ^ previous).to_bytes(4, "big") + (b"" if data is GONE else data)
        previous = word
    out += ((0x500 << 20 | 0x3FF << 10 | 4) ^ previous).to_bytes(4, "big")
    return bytes(out + crc32(bytes(out[start:])).to_bytes(4, "little"))


def words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "little") for number in numbers)


def image_of(blocks: dict[int, bytes], block_size: int, count: int) -> bytes:
    return b"".join(blocks.get(n, b"").ljust(block_size, b"\xff") for n in range(count))


def superblock(block_size: int, count: int, name_max: int = 255) -> Iterator[TagTuple]:
    yield 0x0FF, 0, b"littlefs"
    yield 0x201, 0, words(0x00020001, block_size, count, name_max, 2**31 - 1, 1022)


def test_a_tree_deeper_than_any_stack_ends_in_bounded_memory() -> None:
    size, depth = 256, 20000
    count = 2 * depth + 2
    blocks = {0: commit(*superblock(size, count), (0x002, 1, b"n" * 150), (0x200, 1, words(2, 3)))}
    for level in range(1, depth):
        pointer = words(2 * level + 2, 2 * level + 3)
        blocks[2 * level] = commit((0x002, 0, b"n" * 150), (0x200, 0, pointer))
    blocks[2 * depth] = commit((0x001, 0, b"leaf"), (0x201, 0, b""))
    tracemalloc.start()
    try:
        with pytest.raises(ImageError, match="keys of the tree"):
            read_image(image_of(blocks, size, count))
        assert tracemalloc.get_traced_memory()[1] < 1 << 30
    finally:
        tracemalloc.stop()


def test_a_long_list_of_pairs_is_no_trouble() -> None:
    size, pairs = 128, 3000
    count = 2 * pairs
    blocks = {0: commit(*superblock(size, count, 40), (0x601, 0x3FF, words(2, 3)))}
    for n in range(1, pairs):
        tail = words(2 * n + 2, 2 * n + 3) if n + 1 < pairs else words(0xFFFFFFFF, 0xFFFFFFFF)
        blocks[2 * n] = commit((0x001, 0, b"%04d" % n), (0x201, 0, b"v"), (0x601, 0x3FF, tail))
    assert len(read_image(image_of(blocks, size, count)).entries()) == pairs - 1


HOSTILE = {
    "a value's list of blocks leaves the image": [(0x001, 1, b"v"), (0x202, 1, words(9, 5))],
    "a value's list is a metadata block": [(0x001, 1, b"v"), (0x202, 1, words(0, 5))],
    "a value has more bytes than the image": [(0x001, 1, b"v"), (0x202, 1, words(2, 2**31 - 1))],
    "a dictionary is the root": [(0x002, 1, b"d"), (0x200, 1, words(0, 1))],
    "a dictionary is the root the other way round": [(0x002, 1, b"d"), (0x200, 1, words(1, 0))],
    "a dictionary is one block twice": [(0x002, 1, b"d"), (0x200, 1, words(2, 2))],
    "the list comes back": [(0x600, 0x3FF, words(1, 0))],
    "the list leaves the image": [(0x600, 0x3FF, words(2, 400))],
    "a move from nowhere": [(0x7FF, 0x3FF, words(0x4FF << 20 | 3 << 10, 0, 1))],
    "a move of the superblock": [(0x7FF, 0x3FF, words(0x4FF << 20, 0, 1))],
    "pending work of no kind": [(0x7FF, 0x3FF, words(0x123 << 20, 0, 1))],
    "an unknown splice": [(0x47F, 1, b"")],
    "an entry of no kind": [(0x003, 1, b"v"), (0x201, 1, b"")],
    "a name with a slash": [(0x001, 1, b"a/b"), (0x201, 1, b"")],
    "a name for nobody": [(0x001, 0x3FF, b"v")],
    "a second superblock": [(0x0FF, 1, b"littlefs")],
}


@pytest.mark.parametrize("tags", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_cannot_be_right_is_told_in_one_sentence(tags: list[TagTuple]) -> None:
    data = image_of({0: commit(*superblock(512, 8), *tags)}, 512, 8)
    with pytest.raises(ImageError):
        read_image(data)
    assert list(describe(data, 512))[-1].startswith("problem: ")


def test_the_smallest_image_reads() -> None:
    data = image_of({0: commit(*superblock(512, 8))}, 512, 8)
    assert read_image(data).entries() == []
    other = image_of({1: commit(*superblock(512, 8))}, 512, 8)
    assert read_image(other).entries() == []


def one_pair(*tags: TagTuple, more: tuple[TagTuple, ...] = ()) -> list[Entry]:
    """The entries of an image whose root is all there is; the superblock is entry 0."""
    block = commit(*superblock(512, 8), *tags)
    if more:
        block = commit(*more, after=block)
    return read_image(image_of({0: block}, 512, 8)).entries()


def inline(number: int, name: bytes, data: bytes) -> Iterator[TagTuple]:
    yield 0x001, number, name
    yield 0x201, number, data


def value(key: bytes, data: bytes, **attrs: bytes) -> Entry:
    return Entry(key, "value", data, None, {int(kind[1:]): data for kind, data in attrs.items()})


@pytest.mark.parametrize(
    ("first", "second", "speaks"),
    [
        (1, 2, 1), (2, 1, 0), (5, 5, 0), (0xFFFFFFFF, 0, 1), (0, 0xFFFFFFFF, 0), (0x7FFFFFFF, 0x80000000, 1),
        (0, 0x80000000, 0), (0x80000000, 0, 0), (0, 0x7FFFFFFF, 1), (0xFFFFFFF0, 0x10, 1),
    ],
)  # fmt: skip
def test_the_newer_revision_speaks_by_sequence_arithmetic(first: int, second: int, speaks: int) -> None:
    blocks = {
        number: commit(*superblock(512, 8), *inline(1, b"which", b"%d" % number), revision=revision)
        for number, revision in ((0, first), (1, second))
    }
    image = read_image(image_of(blocks, 512, 8))
    assert image.entries() == [value(b"which", b"%d" % speaks)]
    assert image.pairs[0].newest.block == speaks


def test_the_older_block_speaks_where_the_newer_has_no_valid_commit() -> None:
    new = bytearray(commit(*superblock(512, 8), *inline(1, b"new", b""), revision=2))
    new[-1] ^= 1
    old = commit(*superblock(512, 8), *inline(1, b"old", b""))
    assert read_image(image_of({0: old, 1: bytes(new)}, 512, 8)).entries() == [value(b"old", b"")]


def test_a_torn_second_commit_does_not_count() -> None:
    first = commit(*superblock(512, 8), *inline(1, b"a", b"1"))
    both = commit((0x201, 1, b"2"), after=first)
    assert read_image(image_of({0: both}, 512, 8)).entries() == [value(b"a", b"2")]
    for cut in range(len(first), len(both)):
        torn = both[:cut] + bytes([both[cut] ^ 0x40]) + both[cut + 1 :]
        assert read_image(image_of({0: torn}, 512, 8)).entries() == [value(b"a", b"1")]


def test_creates_and_deletes_shift_ids_and_later_tags_speak_shifted() -> None:
    start = [*inline(1, b"b", b"b"), *inline(2, b"d", b"d")]
    assert one_pair(*start, more=((0x401, 1, b""), *inline(1, b"a", b"a"), (0x201, 2, b"B"))) == [
        value(b"a", b"a"), value(b"b", b"B"), value(b"d", b"d"),
    ]  # fmt: skip
    assert one_pair(*start, more=((0x4FF, 1, b""), (0x201, 1, b"D"))) == [value(b"d", b"D")]
    assert one_pair(*start, more=((0x401, 3, b""), *inline(3, b"e", b"e"))) == [
        value(b"b", b"b"), value(b"d", b"d"), value(b"e", b"e"),
    ]  # fmt: skip


def test_a_delete_past_the_end_lowers_the_count_and_a_name_raises_it_again() -> None:
    start = [*inline(1, b"b", b"b"), *inline(2, b"d", b"d")]
    assert one_pair(*start, more=((0x4FF, 9, b""),)) == [value(b"b", b"b")]
    assert one_pair(*start, more=((0x4FF, 9, b""), *inline(5, b"f", b"f"))) == [
        value(b"b", b"b"), value(b"d", b"d"), value(b"f", b"f"),
    ]  # fmt: skip


def test_the_last_struct_counts_and_attributes_can_go() -> None:
    start = [*inline(1, b"v", b"old"), (0x305, 1, b"five"), (0x306, 1, b"six")]
    more = ((0x202, 1, words(9, 9)), (0x201, 1, b"new"), (0x305, 1, GONE), (0x307, 1, b""))
    assert one_pair(*start, more=more) == [value(b"v", b"new", a6=b"six", a7=b"")]


def test_a_timestamp_is_twelve_bytes_and_any_other_size_is_an_attribute() -> None:
    stamp = (20000).to_bytes(4, "little") + (86_399_999_999_999_999).to_bytes(8, "little")
    assert one_pair(*inline(1, b"v", b""), (0x374, 1, stamp)) == [
        Entry(b"v", "value", b"", (20000, 86_399_999_999_999_999), {})
    ]
    assert one_pair(*inline(1, b"v", b""), (0x374, 1, stamp[:11])) == [value(b"v", b"", a116=stamp[:11])]


def test_entries_without_a_name_or_without_a_struct_are_not_shown() -> None:
    assert one_pair((0x201, 1, b"nameless"), (0x001, 2, b"structless"), *inline(3, b"v", b"")) == [
        value(b"v", b"")
    ]


def chain(pointers: dict[int, list[int]], size: int, head: int) -> bytes:
    """An image of 128-byte blocks with one value; pointers: image block -> what its first words are."""
    blocks = {n: words(*below).ljust(128, bytes([n])) for n, below in pointers.items()}
    blocks[0] = commit(*superblock(128, 16, 40), (0x001, 1, b"v"), (0x202, 1, words(head, size)))
    return image_of(blocks, 128, 16)


def test_a_value_in_blocks_is_read_by_its_pointers() -> None:
    good = {2: [], 3: [2], 4: [3, 2], 5: [4], 6: [5, 4, 2]}
    sizes = [128, 124, 120, 124, 116]
    entry = read_image(chain(good, sum(sizes), 6)).entries()[0]
    assert entry.data == b"".join(bytes([n]) * size for n, size in zip(range(2, 7), sizes, strict=True))
    for size, head in ((1, 2), (128, 2), (129, 3), (252, 3), (253, 4), (372, 4), (373, 5)):
        assert read_image(chain(good, size, head)).entries()[0].data == entry.data[:size]
    assert read_image(chain({}, 0, 999)).entries()[0].data == b""


@pytest.mark.parametrize(
    "change",
    [
        {6: [5, 4, 3]},
        {6: [5, 3, 2]},
        {6: [4, 4, 2]},
        {4: [3, 7]},
        {5: [6]},
        {3: [3]},
        {3: [0]},
        {3: [99]},
        {4: [3, 0]},
    ],
    ids=str,
)
def test_a_value_whose_pointers_disagree_or_stray_is_an_error(change: dict[int, list[int]]) -> None:
    pointers = {2: [], 3: [2], 4: [3, 2], 5: [4], 6: [5, 4, 2]} | change
    with pytest.raises(ImageError):
        read_image(chain(pointers, 600, 6))


def two_dictionaries(root: list[TagTuple], **blocks: bytes) -> bytes:
    numbered = {int(name[1:]): data for name, data in blocks.items()}
    return image_of({0: commit(*superblock(512, 16), *root), **numbered}, 512, 16)


def test_hard_tails_go_on_with_the_dictionary_and_soft_tails_do_not() -> None:
    root = [*inline(1, b"a", b""), (0x002, 2, b"z"), (0x200, 2, words(4, 5)), (0x601, 0x3FF, words(2, 3))]
    second = commit(*inline(0, b"zz", b""), (0x600, 0x3FF, words(4, 5)))
    image = read_image(two_dictionaries(root, b2=second, b4=commit(*inline(0, b"in", b""))))
    assert [entry.key for entry in image.entries()] == [b"a", b"z", b"z/in", b"zz"]
    assert [pair.blocks for pair in image.thread] == [(0, 1), (2, 3), (4, 5)]
    assert set(image.usage) == {0, 1, 2, 3, 4, 5}


def test_the_parents_pointer_is_the_truth_where_a_pair_has_moved() -> None:
    root = [(0x002, 1, b"d"), (0x200, 1, words(6, 3)), (0x600, 0x3FF, words(2, 3))]
    old, new = commit(*inline(0, b"old", b"")), commit(*inline(0, b"new", b""), revision=2)
    image = read_image(two_dictionaries(root, b2=old, b6=new))
    assert [entry.key for entry in image.entries()] == [b"d", b"d/new"]
    assert [pair.blocks for pair in image.leftovers] == [(2, 3)]
    assert image.usage[2] == "a pair that has moved"


def test_a_pair_that_only_the_list_has_is_an_orphan() -> None:
    root = [(0x600, 0x3FF, words(2, 3)), (0x7FF, 0x3FF, words(1 << 31, 0, 0))]
    image = read_image(two_dictionaries(root, b2=commit(*inline(0, b"lost", b""))))
    assert image.entries() == []
    assert image.state.orphans
    assert image.usage[3] == "an orphan"


def test_a_pending_move_hides_its_source_alone() -> None:
    """The state is the sum over all pairs; the source keeps its neighbours, on both sides."""
    whole, part = 0x4FF << 20 | 1 << 10, 0x12345678
    root = [(0x002, 1, b"d"), (0x200, 1, words(2, 3)), (0x600, 0x3FF, words(2, 3)),
            (0x7FF, 0x3FF, words(whole ^ part, 3 ^ 7, 2))]  # fmt: skip
    source = [
        *inline(0, b"a", b""),
        *inline(1, b"b", b""),
        *inline(2, b"c", b""),
        (0x7FF, 0x3FF, words(part, 7, 0)),
    ]
    image = read_image(two_dictionaries(root, b2=commit(*source)))
    assert image.state.move == ((3, 2), 1)
    assert [entry.key for entry in image.entries()] == [b"d", b"d/a", b"d/c"]


def test_the_forward_checksum_tells_whether_the_rest_is_as_erased() -> None:
    erased = crc32(b"\xff" * 16)
    block = commit(*superblock(512, 8), (0x5FF, 0x3FF, words(16, erased)))
    for rest, state in (
        (b"", "matches"),
        (b"\xff" * 15 + b"\xfe", "differs"),
        (b"\xff" * 16 + b"x", "matches"),
    ):
        image = read_image(image_of({0: block + rest}, 512, 8))
        assert image.pairs[0].newest.forward == state
        assert image.pairs[0].newest.append_off == len(block)
    assert read_log(0, commit(*superblock(512, 8))).forward == "missing"
    assert read_log(0, commit((0x5FF, 0x3FF, words(2**32 - 16, erased)))).forward == "differs"


def test_the_last_superblock_of_a_chain_counts() -> None:
    first = commit(*superblock(512, 8), (0x601, 0x3FF, words(2, 3)))
    last = commit(*superblock(512, 16), *inline(1, b"v", b""))
    image = read_image(image_of({0: first, 2: last}, 512, 16))
    assert image.superblock.block_count == 16
    assert image.entries() == [value(b"v", b"")]
