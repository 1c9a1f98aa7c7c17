# SPDX-License-Identifier: ISC
"""Makes the golden images that no `golden record` makes, packed, with what littlefs sees in them: most are
littlefs's own work, one is skink's, and one has a commit that neither writes.

    python tests/golden/make.py

Each NAME.img.xz has a NAME.json: geometry, on-disk version, what is pending, and the entries that littlefs
sees after its repair, with size, SHA-256 and attributes. The same builds make the same bytes each time.
"""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from littlefs import LittleFS

from powercut import littlefs
from powercut.geometry import Geometry
from powercut.lfsturn import Recorder
from powercut.skink import Disk, Store
from powercut_models.blocks import CREATE, FILE, crc32
from powercut_models.image import Image, read_image

HERE = Path(__file__).resolve().parent
SMALL = Geometry(16, 16, 256, 96, 0xFF)
TIGHT = Geometry(16, 16, 128, 128, 0xFF)

Attributes = dict[str, dict[int, bytes]]


class Maker:
    """A store that is being made, every device event of it logged."""

    def __init__(self, geometry: Geometry, **config: int) -> None:
        self.geometry, self.config, self.attrs = geometry, config, dict[str, dict[int, bytes]]()
        self.memory = Recorder(geometry, bytes([geometry.erase_value or 0]) * geometry.size)
        self.fs: LittleFS = littlefs.mount(self.memory, geometry, fresh=True, **config)
        self.start = bytes(self.memory.buffer)
        self.memory.events.clear()

    def write(self, path: str, data: bytes) -> None:
        """A value."""
        with self.fs.open(path, "wb") as file:
            file.write(data)

    def attr(self, path: str, kind: int, data: bytes) -> None:
        """An attribute."""
        self.fs.setattr(path, kind, data)
        self.attrs.setdefault(path, {})[kind] = data

    def fill(self, folder: str, count: int, size: int) -> None:
        """Values 00, 01, ... in a directory."""
        for index in range(count):
            self.write(f"{folder}/{index:02d}", b"%02d" % index * (size // 2))

    def cut(self, wanted: Callable[[Image], bool]) -> bytes:
        """The first image of the log, power cut by power cut, that is as wanted."""
        memory = bytearray(self.start)
        for event in self.memory.events:
            start = event.block * self.geometry.block_size + event.off
            memory[start : start + len(event.data)] = event.data
            image = bytes(memory)
            if event.kind == "sync" and wanted(read_image(image, self.geometry.block_size)):
                return image
        raise SystemExit("no power cut leaves such an image; this littlefs writes in another order")

    def again(self) -> None:
        """Forgets the log: cuts come behind here."""
        self.start = bytes(self.memory.buffer)
        self.memory.events.clear()


def superblock_chain() -> tuple[Maker, bytes]:
    """Superblocks worn out and moved, the root at the end of their chain."""
    maker = Maker(SMALL, block_cycles=2)
    for turn in range(14):
        maker.write("/worn", b"%d" % turn * 20)
    maker.fs.mkdir("/d")
    maker.fill("/d", 5, 40)
    return maker, maker.memory.image


def grown() -> tuple[Maker, bytes]:
    """Made for 48 blocks, grown to 96, and used beyond the 48."""
    maker = Maker(SMALL)
    maker.fs = littlefs.mount(maker.memory, Geometry(16, 16, 256, 48, 0xFF), fresh=True)
    maker.fill("", 4, 600)
    maker.fs.fs_grow(96)
    maker.fill("", 12, 900)
    return maker, maker.memory.image


def superblock_chain_grown() -> tuple[Maker, bytes]:
    """A chain of superblocks, made for 48 blocks and then grown to 96: the last alone says so."""
    maker = Maker(SMALL)
    made_for = Geometry(16, 16, 256, 48, 0xFF)
    maker.fs = littlefs.mount(maker.memory, made_for, fresh=True, block_cycles=2)
    for turn in range(14):
        maker.write("/worn", b"%d" % turn * 20)
    maker.fs.fs_grow(96)
    maker.fs.mkdir("/d")
    maker.fill("/d", 5, 40)
    maker.fill("", 8, 900)
    return maker, maker.memory.image


def version_2_0() -> tuple[Maker, bytes]:
    """On-disk version 2.0."""
    maker = Maker(SMALL, disk_version=0x20000)
    maker.fs.mkdir("/d")
    maker.fill("/d", 6, 60)
    maker.write("/long", bytes(range(256)) * 8)
    return maker, maker.memory.image


def hard_tails() -> tuple[Maker, bytes]:
    """Directories over many pairs, names that are prefixes of each other, values of every length."""
    maker = Maker(TIGHT)
    maker.fs.mkdir("/wide")
    maker.fill("/wide", 12, 14)
    for index, name in enumerate(("a", "ab", "abc", "b", "a b", "\xff", "\xff\x01", "ab\x01")):
        maker.write(f"/wide/{name}", b"v" * index * 60)
    maker.fs.mkdir("/wide/sub")
    maker.fill("/wide/sub", 4, 14)
    return maker, maker.memory.image


def attributes() -> tuple[Maker, bytes]:
    """Attributes of the root, a directory and values, replaced and removed ones, timestamps."""
    maker = Maker(SMALL)
    maker.fs.mkdir("/d")
    maker.write("/d/timed", b"timed")
    maker.write("/blocks", b"b" * 700)
    for path in ("/", "/d", "/d/timed", "/blocks"):
        maker.attr(path, 1, b"first")
        maker.attr(path, 1, b"second of " + path.encode())
        maker.attr(path, 2, b"gone")
        maker.fs.removeattr(path, 2)
        del maker.attrs[path][2]
    littlefs.set_time(maker.fs, "/d/timed", (20_000, 86_399_999_999_999_999))
    maker.fs.setattr("/blocks", littlefs.TIME_ATTRIBUTE, b"no time")
    return maker, maker.memory.image


def attributes_by_skink() -> tuple[Maker, bytes]:
    """The same by skink, and a value without a time: what its API can write and no operation of the engine
    ABI does."""
    maker = Maker(SMALL)
    with Disk(SMALL, maker.start) as disk:
        with Store(disk, time=(20_000, 1)) as store:
            store.set(b"d/timed", b"timed")
            store.set(b"blocks", b"b" * 700)
            for key in (b"", b"d", b"d/timed", b"blocks"):
                store.set_attr(key, 1, b"first")
                store.set_attr(key, 1, b"second of " + key)
                store.set_attr(key, 2, b"gone")
                store.set_attr(key, 2, None)
                maker.attrs["/" + key.decode()] = {1: b"second of " + key}
        with Store(disk) as store:
            store.set(b"untimed", b"no clock")
        return maker, disk.image


def name_without_struct() -> tuple[Maker, bytes]:
    """Entries that have a name and nothing else: a writer may make them in two commits, littlefs and skink
    show neither. The commit is by hand."""
    maker = Maker(SMALL, disk_version=0x20000)
    maker.write("/name", b"whole")
    image = maker.memory.image
    log = read_image(image, SMALL.block_size).pairs[0].newest
    last = log.tags[-1]
    word, commit = last.type << 20 | last.id << 10 | last.length, b""
    for kind, number, data in ((CREATE, 1, b""), (FILE, 1, b"!first"), (CREATE, 3, b""), (FILE, 3, b"zz")):
        word, before = kind << 20 | number << 10 | len(data), word
        commit += (word ^ before).to_bytes(4, "big") + data
    length = -(len(commit) + 8) % SMALL.prog_size + 4
    commit += ((0x500 << 20 | 0x3FF << 10 | length) ^ word).to_bytes(4, "big")
    commit += crc32(commit).to_bytes(4, "little")
    start = log.block * SMALL.block_size + log.append_off
    return maker, image[:start] + commit + image[start + len(commit) :]


def pending_move() -> tuple[Maker, bytes]:
    """A rename across directories, cut when the target is there and the source still is."""
    maker = Maker(SMALL)
    for folder in ("/from", "/to"):
        maker.fs.mkdir(folder)
        maker.fill(folder, 3, 20)
    maker.write("/from/01moved", b"on the move")
    maker.attr("/from/01moved", 3, b"comes along")
    maker.again()
    maker.fs.rename("/from/01moved", "/to/moved")
    maker.attrs["/to/moved"] = maker.attrs.pop("/from/01moved")
    return maker, maker.cut(lambda image: image.state.move is not None)


def pending_move_of_a_directory() -> tuple[Maker, bytes]:
    """The same with a directory of several pairs, over an empty one."""
    maker = Maker(TIGHT)
    for folder in ("/from", "/from/d", "/to", "/to/e"):
        maker.fs.mkdir(folder)
    maker.fill("/from/d", 4, 14)
    maker.again()
    maker.fs.rename("/from/d", "/to/e")
    return maker, maker.cut(lambda image: image.state.move is not None)


def orphan_of_mkdir() -> tuple[Maker, bytes]:
    """A directory on the list that no parent has yet."""
    maker = Maker(TIGHT)
    maker.fs.mkdir("/p")
    maker.fill("/p", 8, 14)
    maker.again()
    maker.fs.mkdir("/p/00new")
    return maker, maker.cut(lambda image: bool(image.leftovers))


def orphan_of_rmdir() -> tuple[Maker, bytes]:
    """A directory on the list that its parent has given up."""
    maker = Maker(SMALL)
    maker.fs.mkdir("/a")
    maker.fs.mkdir("/b")
    maker.fs.mkdir("/gone")
    maker.again()
    maker.fs.remove("/gone")
    return maker, maker.cut(lambda image: bool(image.leftovers))


def worn() -> tuple[Maker, bytes]:
    """Pairs relocated again and again; cut in the middle of one relocation."""
    maker = Maker(TIGHT, block_cycles=1)
    maker.fs.mkdir("/d")
    maker.fs.mkdir("/d/e")
    maker.again()
    for turn in range(12):
        maker.write("/d/e/v", b"%d" % turn * 10)
    return maker, maker.cut(lambda image: len(image.pairs) > len(image.thread) or image.state.orphans)


MAKERS = (
    superblock_chain, superblock_chain_grown, grown, version_2_0, hard_tails, attributes, attributes_by_skink,
    name_without_struct, pending_move, pending_move_of_a_directory, orphan_of_mkdir, orphan_of_rmdir, worn,
)  # fmt: skip


def facts(maker: Maker, image: bytes) -> dict[str, Any]:
    """What littlefs says of the image, once it has repaired a copy."""
    shape, memory = maker.geometry, littlefs.Memory(maker.geometry, image)
    fs = littlefs.mount(memory, replace(shape, block_count=0))  # what the last superblock says
    version = fs.fs_stat().disk_version
    fs.fs_mkconsistent()
    entries: dict[str, Any] = {}
    for row in littlefs.rows(fs):
        words: dict[str, Any] = {"kind": row.kind}
        if row.data is not None:
            words |= {"size": len(row.data), "sha256": hashlib.sha256(row.data).hexdigest(), "time": row.time}
        entries[row.key.decode("latin-1")] = words
    for path, attrs in maker.attrs.items():
        for kind in attrs:
            found = fs.getattr(path, kind).hex()
            entries.setdefault(path[1:], {}).setdefault("attrs", {})[str(kind)] = found
    state = read_image(image, shape.block_size).state
    return {
        "block_size": shape.block_size, "block_count": shape.block_count, "prog_size": shape.prog_size,
        "read_size": shape.read_size, "disk_version": f"{version >> 16}.{version & 0xFFFF}",
        "used_blocks": fs.used_block_count, "move": state.move is not None, "orphans": state.orphans,
        "entries": entries,
    }  # fmt: skip


def make() -> dict[str, tuple[bytes, dict[str, Any]]]:
    """Every golden image and its facts, by name."""
    made = {}
    for maker in MAKERS:
        store, image = maker()
        made[maker.__name__] = (image, facts(store, image))
    return made


def main() -> None:
    """Writes them all beside this file."""
    for name, (image, words) in make().items():
        (HERE / f"{name}.img.xz").write_bytes(lzma.compress(image, preset=9 | lzma.PRESET_EXTREME))
        text = json.dumps(words, indent=1, sort_keys=True) + "\n"
        (HERE / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
