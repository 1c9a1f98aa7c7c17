# SPDX-License-Identifier: ISC
"""Random operations of real littlefs on an image: every device event logged, every state noted on the way.

littlefs makes a new file in two commits, so that a cut between them leaves it empty; an attribute is set in
one of its own. Everything else is one step once littlefs has repaired the image.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from littlefs import LittleFS, lfs
from littlefs.errors import LittleFSError

from powercut import littlefs
from powercut.geometry import Geometry
from powercut.images import TIME_ATTRIBUTE
from powercut_models.image import Entry

#: A store: entries by key, the root with its attributes under the empty key.
State = dict[bytes, Entry]

_NO_SPACE = -28
_NAMES = (b"a", b"b", b"ab", b"a b", b"c", b"dd", b"d" * 12, b"\xff\x01", b"Z", b"a.")


@dataclass(frozen=True, slots=True)
class Event:
    """A prog, an erase or a sync; ``data`` is what lies at ``off`` of the block afterwards."""

    kind: str
    block: int
    off: int
    data: bytes


class Recorder(littlefs.Memory):
    """A device in memory that keeps a log."""

    def __init__(self, geometry: Geometry, image: bytes) -> None:
        super().__init__(geometry, image)
        self.size = geometry.block_size
        self.events: list[Event] = []

    def read(self, cfg: Any, block: int, off: int, size: int) -> bytearray:
        """littlefs's callback."""
        start = block * self.size + off
        return self.buffer[start : start + size]

    def prog(self, cfg: Any, block: int, off: int, data: bytes) -> int:
        """littlefs's callback."""
        start = block * self.size + off
        self.buffer[start : start + len(data)] = data
        self.events.append(Event("prog", block, off, bytes(data)))
        return 0

    def erase(self, cfg: Any, block: int) -> int:
        """littlefs's callback."""
        super().erase(cfg, block)
        start = block * self.size
        self.events.append(Event("erase", block, 0, bytes(self.buffer[start : start + self.size])))
        return 0

    def sync(self, cfg: Any) -> int:
        """littlefs's callback."""
        self.events.append(Event("sync", 0, 0, b""))
        return 0


@dataclass(slots=True)
class Record:
    """A turn of littlefs's: the image before it, its events, and each operation's events and states."""

    before: bytes
    block_size: int
    events: list[Event]
    start: State
    spans: list[tuple[int, int, tuple[State, ...]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def image(self, at: int) -> bytes:
        """The device after ``at`` events."""
        memory = bytearray(self.before)
        for event in self.events[:at]:
            start = event.block * self.block_size + event.off
            memory[start : start + len(event.data)] = event.data
        return bytes(memory)

    def states_around(self, first: int, last: int) -> tuple[State, ...]:
        """The states that a cut between the events ``first`` and ``last`` may leave."""
        states = [self.start]
        for begin, end, reached in self.spans:
            if end <= first:
                states = [reached[-1]]
            elif begin < last or begin < first:
                states += reached
        return tuple(states)


def replace_attrs(state: Mapping[bytes, Entry], key: bytes, kind: int, data: bytes | None) -> State:
    """The state with an attribute set, or removed (None)."""
    attrs = {other: value for other, value in state[key].attrs.items() if other != kind}
    if data is not None:
        attrs[kind] = data
    return {**state, key: replace(state[key], attrs=dict(sorted(attrs.items())))}


def littlefs_state(fs: LittleFS, expected: Mapping[bytes, Entry]) -> State:
    """What littlefs sees; attributes are asked for where they are expected, since it cannot list them."""
    state = {b"": Entry(b"", "dictionary", None, None, _attrs(fs, b"", expected))}
    for row in littlefs.rows(fs):
        state[row.key] = Entry(row.key, row.kind, row.data, row.time, _attrs(fs, row.key, expected))
    return state


def _attrs(fs: LittleFS, key: bytes, expected: Mapping[bytes, Entry]) -> dict[int, bytes]:
    wanted = expected[key].attrs if key in expected else {}
    return {kind: fs.getattr(_path(key), kind) for kind in wanted}


def _path(key: bytes) -> str:
    return "/" + key.decode("latin-1")


# --- the operations ----------------------------------------------------------------------------------------

#: What is to be done, the states on the way to its end, and what to say of it.
Step = tuple[Callable[[], Any], tuple[State, ...], str]


class Player:
    """Draws operations that fit the store, and follows what they make of it."""

    def __init__(
        self, fs: LittleFS, state: State, draw: random.Random, geometry: Geometry, renames: bool
    ) -> None:
        self._fs, self.state, self._draw, self._geometry = fs, state, draw, geometry
        self._renames = renames

    def steps(self, full: bool) -> Iterator[Step]:
        """One operation, of one step or several; few but removals where the device is rather ``full``."""
        kinds = [self._write, self._write, self._write, self._rewrite, self._attribute, self._mkdir]
        kinds += [self._rename, self._rename, self._remove, self._remove]
        yield from self._draw.choice([self._remove, self._remove, self._rename] if full else kinds)()

    def _some(self, kind: str) -> bytes | None:
        keys = sorted(key for key, entry in self.state.items() if key and entry.kind == kind)
        return self._draw.choice(keys) if keys else None

    def _fresh(self) -> bytes:
        folders = sorted(key for key, entry in self.state.items() if entry.kind == "dictionary")
        folder = self._draw.choice([key for key in folders if key.count(b"/") < 5])
        name = self._draw.choice([*_NAMES, b"%02d" % self._draw.randrange(30)])
        return folder + b"/" + name if folder else name

    def _data(self) -> bytes:
        block = self._geometry.block_size
        inline = min(1022, block // 8)
        sizes = [0, 1, 7, inline - 1, inline, inline + 1, block - 1, block, block + 1, 2 * block, 3 * block]
        size = self._draw.choice([*sizes[:7], *sizes])
        return self._draw.randbytes(min(size, self._geometry.size // 24))

    def _write(self) -> Iterator[Step]:
        key, data = self._fresh(), self._data()
        old = self.state.get(key)
        if old is not None and old.kind == "dictionary":
            return
        empty = Entry(key, "value", b"", None, {})
        states = [{**self.state, key: empty}] if old is None else []
        states.append({**self.state, key: replace(old or empty, data=data)})
        yield lambda: self._put(key, "w", 0, data), tuple(states), f"write {key!r} of {len(data)} bytes"
        if self._draw.random() < 0.7:
            yield self._timed(key)

    def _rewrite(self) -> Iterator[Step]:
        key, data = self._some("value"), self._data()
        if key is None:
            return
        old = self.state[key].data or b""
        at = self._draw.choice([len(old), len(old) // 2, 0, self._draw.randint(0, len(old))])
        new = old[:at] + data + old[at + len(data) :]
        state = {**self.state, key: replace(self.state[key], data=new)}
        yield lambda: self._put(key, "r+", at, data), (state,), f"write {len(data)} bytes at {at} of {key!r}"
        if self._draw.random() < 0.3:
            yield self._timed(key)

    def _put(self, key: bytes, mode: str, at: int, data: bytes) -> None:
        file = lfs.file_open(self._fs.fs, _path(key), mode, "latin-1")
        try:
            lfs.file_seek(self._fs.fs, file, at, 0)
            if data:
                lfs.file_write(self._fs.fs, file, data)
        finally:
            lfs.file_close(self._fs.fs, file)

    def _timed(self, key: bytes) -> Step:
        time = (self._draw.randrange(30_000), self._draw.randrange(86_400 * 10**12))
        raw = time[0].to_bytes(4, "little") + time[1].to_bytes(8, "little")
        state = {**self.state, key: replace(self.state[key], time=time)}
        return lambda: self._fs.setattr(_path(key), TIME_ATTRIBUTE, raw), (state,), f"time of {key!r}"

    def _attribute(self) -> Iterator[Step]:
        key, kind = self._draw.choice(sorted(self.state)), self._draw.choice([1, 0x55])
        if self._draw.random() < 0.4:
            state = replace_attrs(self.state, key, kind, None)
            yield lambda: self._fs.removeattr(_path(key), kind), (state,), f"no attribute {kind} of {key!r}"
            return
        data = self._draw.randbytes(self._draw.randint(1, self._geometry.block_size // 16))
        state = replace_attrs(self.state, key, kind, data)
        yield lambda: self._fs.setattr(_path(key), kind, data), (state,), f"attribute {kind} of {key!r}"

    def _mkdir(self) -> Iterator[Step]:
        key = self._fresh()
        if key not in self.state:
            state = {**self.state, key: Entry(key, "dictionary", None, None, {})}
            yield lambda: self._fs.mkdir(_path(key)), (state,), f"mkdir {key!r}"

    def _empty(self, key: bytes) -> bool:
        return not any(other.startswith(key + b"/") for other in self.state)

    def _remove(self) -> Iterator[Step]:
        keys = [key for key in sorted(self.state) if key and self._empty(key)]
        if keys:
            key = self._draw.choice(keys)
            state = {other: entry for other, entry in self.state.items() if other != key}
            yield lambda: self._fs.remove(_path(key)), (state,), f"remove {key!r}"

    def _rename(self) -> Iterator[Step]:
        keys = [key for key in sorted(self.state) if key]
        if not keys or not self._renames:
            return
        key, target = self._draw.choice(keys), self._fresh()
        if self._draw.random() < 0.4:
            target = self._draw.choice(keys)
        there = self.state.get(target)
        taken = there is not None and (there.kind != self.state[key].kind or not self._empty(target))
        if taken or key == target or target.startswith(key + b"/"):
            return
        yield (
            lambda: self._fs.rename(_path(key), _path(target)),
            (self._moved(key, target),),
            (f"rename {key!r} to {target!r}"),
        )

    def _moved(self, key: bytes, target: bytes) -> State:
        below = {other for other in self.state if other == key or other.startswith(key + b"/")}
        state = {other: entry for other, entry in self.state.items() if other not in below}
        for other in below:
            new = target + other[len(key) :]
            state[new] = replace(self.state[other], key=new)
        return state


def littlefs_turn(
    image: bytes, geometry: Geometry, state: State, draw: random.Random, block_cycles: int, version: int
) -> Record:
    """Some operations of littlefs's on the image; ``version``: what to stay at, or 0.

    There are no renames with wear levelling: littlefs 2.11 aborts where the target relocates and the pair in
    front of it held nothing but the source. Raises LittleFSError where an operation fails that should not,
    AssertionError where littlefs is left with what no step of an operation makes.
    """
    memory = Recorder(geometry, image)
    fs = littlefs.mount(memory, geometry, block_cycles=block_cycles, disk_version=version)
    fs.fs_mkconsistent()
    record = Record(image, geometry.block_size, memory.events, state)
    player = Player(fs, state, draw, geometry, renames=block_cycles < 0)
    for _ in range(draw.choice([1, 2, 4, 8])):
        for action, states, words in player.steps(fs.used_block_count > geometry.block_count * 0.55):
            _step(record, player, fs, (action, states, words))
    return record


def _step(record: Record, player: Player, fs: LittleFS, step: Step) -> None:
    action, states, words = step
    begin, before = len(record.events), player.state
    record.words.append(words)
    try:
        action()
        player.state = states[-1]
    except (LittleFSError, OSError) as error:
        cause = error if isinstance(error, LittleFSError) else error.__cause__
        if getattr(cause, "code", None) != _NO_SPACE:
            raise
        merged = {key: entry for one in (before, *states) for key, entry in one.items()}
        found = littlefs_state(fs, merged)
        assert found in (before, *states), f"{words}: no space, and littlefs is left with neither"
        player.state = found
        states = (*states, found)
    record.spans.append((begin, len(record.events), states))
