# SPDX-License-Identifier: ISC
"""A run as a film: the device event by event, through the power cut, and on through the recovery."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from powercut.engine import Event, Run
from powercut.fault import Cut
from powercut.geometry import Geometry
from powercut.report.owners import FREE, Owner, OwnerTracker

T = TypeVar("T")

RECOVERY = Owner("now", "the recovery")
FILLED = Owner("filled", "what filled the device")

#: Frames of one film; of a longer run those before the cut are left out from the start.
FRAMES_MAX = 2000

#: Bytes copied to make one film: frames times the size of the device.
WORK_MAX = 6 << 30


@dataclass(frozen=True, slots=True)
class Frame:
    """One moment. ``phase``: ``run``, ``cut`` or ``recovery``; ``kind``: ``start``, ``prog``, ``erase``,
    ``sync`` or ``cut``; ``number``: of the event in its phase, from 1 (0: none); ``op``: the operation it
    belongs to; ``fate``: ``whole``, ``lost`` or ``torn`` with regard to the next cut.

    ``owners`` and ``blocks`` are what is new since the frame before: whose a block is, and its bytes by their
    number in ``Film.versions``. ``problem``: what the format's reader says against the whole image.
    ``stage``: what an event of a recovery is done in.
    """

    phase: str
    kind: str
    number: int
    words: str
    op: int | None = None
    fate: str = "whole"
    block: int | None = None
    off: int = 0
    size: int = 0
    owners: dict[int, Owner] = field(default_factory=dict)
    blocks: dict[int, int] = field(default_factory=dict)
    problem: str = ""
    stage: str = ""


@dataclass(slots=True)
class Film:
    """The frames, and each distinct content of a block once. ``pair_blocks``: blocks that at some time were
    half of a metadata pair; ``cuts``: the frames of the cuts."""

    geometry: Geometry
    frames: list[Frame] = field(default_factory=list)
    versions: list[bytes] = field(default_factory=list)
    skipped: int = 0
    cuts: list[int] = field(default_factory=list)
    pair_blocks: set[int] = field(default_factory=set)

    @property
    def cut_frame(self) -> int:
        """The frame of the last cut."""
        return self.cuts[-1]

    def owners_at(self, index: int) -> dict[int, Owner]:
        """Whose every block is in frame ``index``."""
        return _sum_up(frame.owners for frame in self.frames[: index + 1])

    def blocks_at(self, index: int) -> dict[int, int]:
        """The number of every block's version in frame ``index``."""
        return _sum_up(frame.blocks for frame in self.frames[: index + 1])


def _sum_up(parts: Iterable[dict[int, T]]) -> dict[int, T]:
    whole: dict[int, T] = {}
    for part in parts:
        whole.update(part)
    return whole


class FilmMaker:
    """Adds frame after frame."""

    def __init__(self, geometry: Geometry, *, littlefs: bool) -> None:
        self.film = Film(geometry)
        self._tracker = OwnerTracker(geometry, littlefs=littlefs)
        self._known: dict[bytes, int] = {}
        self._blocks: dict[int, int] = {}
        self._owners: dict[int, Owner] = {}
        self._read: Mapping[int, Owner] = {}

    def add(self, frame: Frame, image: bytes, touched: set[int] | None, writer: Owner | None = None) -> None:
        """The frame, of a device that holds ``image``; ``touched``: blocks that may be new (None: all)."""
        changed = self._changes(image, touched)
        if writer is not None:
            for block in changed:
                self._tracker.wrote(block, writer)
        reading = self._tracker.at(image, None if touched is None else frozenset(touched))
        candidates = {*changed, *self._read, *reading.owners}
        self._read = reading.owners
        owners = {block: self._owner(block, reading.owners.get(block)) for block in sorted(candidates)}
        new = {block: owner for block, owner in owners.items() if self._owners.get(block) != owner}
        self._owners.update(new)
        self.film.pair_blocks.update(block for block, owner in new.items() if owner.speaks is not None)
        self.film.frames.append(replace(frame, owners=new, blocks=changed, problem=reading.problem))

    def _changes(self, image: bytes, touched: set[int] | None) -> dict[int, int]:
        size, count = self.film.geometry.block_size, self.film.geometry.block_count
        changed: dict[int, int] = {}
        for block in range(count) if touched is None else sorted(touched):
            version = self._version(image[block * size : (block + 1) * size])
            if self._blocks.get(block) != version:
                changed[block] = self._blocks[block] = version
        return changed

    def _version(self, data: bytes) -> int:
        if data not in self._known:
            self._known[data] = len(self.film.versions)
            self.film.versions.append(data)
        return self._known[data]

    def _owner(self, block: int, owner: Owner | None) -> Owner:
        if owner is not None:
            return owner
        data = self.film.versions[self._blocks[block]]
        return FREE if data.count(data[:1]) == len(data) else self._tracker.rest


def first_frame(run: Run, at: int) -> int:
    """The first event from which a film up to event ``at`` can start within the limits."""
    frames = min(FRAMES_MAX, max(WORK_MAX // max(run.geometry.size, 1), 8))
    return max(at - frames, 0)


def film_run(maker: FilmMaker, run: Run, cut: Cut, ops: list[int | None], writers: list[Owner]) -> None:
    """The run up to a cut: a frame for its start and one for each event. ``ops``: the operation of each
    event; ``writers``: each operation as the owner of what it writes."""
    first = first_frame(run, cut.at)
    maker.film.skipped = first
    start = "the device as it was at the start" if first == 0 else f"the device after {first} events"
    maker.add(Frame("run", "start", first, start), run.image(first), None)
    for index in range(first, cut.at):
        event, op = run.event(index), ops[index]
        frame = event_frame("run", index, event, op, fate(cut, index))
        maker.add(frame, run.image(index + 1), touched(event), None if op is None else writers[op])


def film_cut(
    maker: FilmMaker, cut: Cut, words: str, op: int | None, image: bytes, writer: Owner | None
) -> None:
    """The cut, and what it leaves; ``writer``: of what changes with it."""
    maker.film.cuts.append(len(maker.film.frames))
    maker.add(Frame("cut", "cut", cut.at, words, op), image, None, writer)


def film_recovery(maker: FilmMaker, run: Run, stage: Sequence[str], cut: Cut | None) -> None:
    """What the engine does to the device after a cut, up to the next one, if there is one; ``stage``: what
    each event belongs to."""
    for index in range(run.event_count if cut is None else cut.at):
        event = run.event(index)
        whole = "whole" if cut is None else fate(cut, index)
        frame = event_frame("recovery", index, event, None, whole, stage[index])
        maker.add(frame, run.image(index + 1), touched(event), RECOVERY)


def fate(cut: Cut, index: int) -> str:
    """What became of an event when the power went: ``whole``, ``lost``, ``torn`` or ``never``."""
    if cut.tear is not None and index == cut.at - cut.tear.back:
        return "torn"
    if index >= cut.at:
        return "never"
    return "lost" if index in cut.lost else "whole"


def event_frame(phase: str, index: int, event: Event, op: int | None, fate: str, stage: str = "") -> Frame:
    """The frame of one event, without what it changes."""
    block = None if event.kind == "sync" else event.block
    words = f"{event}, {stage}" if stage else str(event)
    return Frame(phase, event.kind, index + 1, words, op, fate, block, event.off, event.size, stage=stage)


def touched(event: Event) -> set[int]:
    """The blocks that an event changes."""
    return set() if event.kind == "sync" else {event.block}
