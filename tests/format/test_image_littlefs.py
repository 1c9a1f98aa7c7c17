# SPDX-License-Identifier: ISC
"""Images that real littlefs writes here, whole and cut at device writes, are read as littlefs reads them."""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from littlefs import LittleFS
from littlefs.context import UserContext
from littlefs.errors import LittleFSError

from powercut_models.image import read_image

ATTRIBUTES = (0x74, 0x01)
GEOMETRIES = [
    # block size, block count, prog size, on-disk version (0: the newest)
    (128, 512, 1, 0),
    (128, 512, 16, 0x00020000),
    (256, 256, 64, 0),
    (512, 256, 16, 0),
    (512, 256, 512, 0),
    (1024, 128, 256, 0x00020000),
    (4096, 64, 1, 0),
    (4096, 64, 512, 0),
]
View = dict[str, tuple[str, bytes | None, dict[int, bytes]]]


@dataclass
class Recorder(UserContext):
    """A RAM device that remembers every prog (block, off, data) and erase (block, -1, none) in order."""

    buffer: bytearray
    writes: list[tuple[int, int, bytes]] = field(default_factory=list)

    def prog(self, cfg: Any, block: int, off: int, data: bytes) -> int:
        self.writes.append((block, off, bytes(data)))
        return int(super().prog(cfg, block, off, data))

    def erase(self, cfg: Any, block: int) -> int:
        self.writes.append((block, -1, b""))
        return int(super().erase(cfg, block))


def mounted(context: UserContext, shape: tuple[int, int, int, int], *, fresh: bool = False) -> LittleFS:
    block_size, block_count, prog_size, version = shape
    fs = LittleFS(
        context,
        mount=False,
        filename_encoding="latin-1",
        block_size=block_size,
        block_count=block_count,
        prog_size=prog_size,
        read_size=prog_size,
        cache_size=block_size,
        lookahead_size=64,
        name_max=40,
        block_cycles=20,
        disk_version=version,
    )
    if fresh:
        fs.format()
    fs.mount()
    return fs


def one_operation(fs: LittleFS, rng: random.Random, block_size: int) -> None:
    """Something that may fail, as an everyday program would do it."""
    parts = ["a", "b", "c", "d" * 20, "\xff\x01"]
    path, other = ("/" + "/".join(rng.choices(parts, k=rng.randint(1, 3))) for _ in range(2))
    sizes = [
        0,
        1,
        15,
        block_size // 8,
        block_size // 2,
        block_size,
        block_size + 1,
        4 * block_size,
        9 * block_size,
    ]
    match rng.choice(
        ["write", "write", "write", "mkdir", "mkdir", "rename", "rename", "remove", "attr", "append"]
    ):
        case "write":
            with fs.open(path, "wb") as file:
                file.write(rng.randbytes(rng.choice(sizes)))
        case "append":
            with fs.open(path, "ab") as file:
                file.write(rng.randbytes(rng.choice(sizes) // 4))
        case "mkdir":
            fs.mkdir(path)
        case "rename":
            fs.rename(path, other)
        case "remove":
            fs.remove(path)
        case "attr":
            fs.setattr(path, rng.choice(ATTRIBUTES), rng.randbytes(rng.choice([1, 12, 12, 30])))


def run(fs: LittleFS, rng: random.Random, count: int, block_size: int) -> None:
    for _ in range(count):
        try:
            one_operation(fs, rng, block_size)
        except (LittleFSError, OSError):
            continue


def by_littlefs(fs: LittleFS) -> View:
    found: View = {}
    for where, dictionaries, values in fs.walk("/"):
        for name in dictionaries + values:
            path = f"{where.rstrip('/')}/{name}"
            data = None
            if name in values:
                with fs.open(path, "rb") as file:
                    data = file.read()
            kind = "dictionary" if data is None else "value"
            found[path] = (kind, data, attributes(fs, path))
    return found


def attributes(fs: LittleFS, path: str) -> dict[int, bytes]:
    found = {}
    for kind in ATTRIBUTES:
        try:
            found[kind] = bytes(fs.getattr(path, kind))
        except LittleFSError:
            continue
    return found


def by_reader(data: bytes, block_size: int | None = None) -> View:
    found: View = {}
    for entry in read_image(data, block_size).entries():
        attrs = dict(entry.attrs)
        if entry.time is not None:
            attrs[0x74] = entry.time[0].to_bytes(4, "little") + entry.time[1].to_bytes(8, "little")
        found["/" + entry.key.decode("latin-1")] = (entry.kind, entry.data, attrs)
    return found


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shape", GEOMETRIES, ids=str)
def test_both_read_the_same_after_random_operations(shape: tuple[int, int, int, int], seed: int) -> None:
    rng = random.Random(f"{shape} {seed}")
    context = Recorder(bytearray(b"\xff" * (shape[0] * shape[1])))
    fs = mounted(context, shape, fresh=True)
    for _ in range(4):
        run(fs, rng, 40, shape[0])
        seen = by_littlefs(fs)
        assert by_reader(bytes(context.buffer)) == seen
    assert len(seen) > 1


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("shape", GEOMETRIES, ids=str)
def test_a_cut_image_is_read_as_littlefs_repairs_it(shape: tuple[int, int, int, int], seed: int) -> None:
    """A prog is torn at some byte, an erase is whole; the cuts are spread over the run."""
    rng = random.Random(f"cut {shape} {seed}")
    context = Recorder(bytearray(b"\xff" * (shape[0] * shape[1])))
    fs = mounted(context, shape, fresh=True)
    state, context.writes = bytearray(context.buffer), []
    run(fs, rng, 80, shape[0])
    cuts = 0
    total = len(context.writes)
    for number, (block, off, data) in enumerate(context.writes):
        at = block * shape[0] + max(off, 0)
        if rng.random() < 60 / total or number > total - 5:
            torn = bytearray(state)
            kept = rng.choice([0, 0, len(data), rng.randint(0, len(data))])
            torn[at : at + kept] = data[:kept]
            check_cut(bytes(torn), shape)
            cuts += 1
        state[at : at + (shape[0] if off < 0 else len(data))] = data if off >= 0 else b"\xff" * shape[0]
    assert state == context.buffer
    assert cuts >= 5


@pytest.mark.parametrize("shape", GEOMETRIES[3:5], ids=str)
def test_every_cut_within_renames_and_removals_is_read_as_littlefs_repairs_it(
    shape: tuple[int, int, int, int],
) -> None:
    context = Recorder(bytearray(b"\xff" * (shape[0] * shape[1])))
    fs = mounted(context, shape, fresh=True)
    for path in ("/a", "/b", "/b/c", "/d"):
        fs.mkdir(path)
    for path in ("/a/x", "/a/y", "/b/y", "/z"):
        with fs.open(path, "wb") as file:
            file.write(path.encode() * 99)
    state, context.writes = bytearray(context.buffer), []
    for source, target in (
        ("/a/x", "/b/x"),
        ("/a/y", "/b/y"),
        ("/b/c", "/a/c"),
        ("/z", "/a/z"),
        ("/d", "/a/c"),
    ):
        fs.rename(source, target)
    for path in ("/a/c", "/b/x", "/b/y", "/b"):
        fs.remove(path)
    pending = 0
    for block, off, data in context.writes:
        pending += check_cut(bytes(state), shape)
        at = block * shape[0] + max(off, 0)
        state[at : at + (shape[0] if off < 0 else len(data))] = data if off >= 0 else b"\xff" * shape[0]
    assert pending >= 5


def check_cut(torn: bytes, shape: tuple[int, int, int, int]) -> bool:
    """Both views of one cut image; whether work was pending in it."""
    seen = by_reader(torn, shape[0])
    fs = mounted(UserContext(buffer=bytearray(torn)), shape)
    fs.fs_mkconsistent()
    assert seen == by_littlefs(fs)
    state = read_image(torn).state
    return state.move is not None or state.orphans
