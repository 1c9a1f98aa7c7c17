# SPDX-License-Identifier: ISC
"""skink and real littlefs take turns on one image, and the power goes out on either of them.

A turn is a mount, some operations, and a power cut at one of its device events (or none). Behind each turn
three readers that share no code, skink, littlefs and the independent one, must see the same store, one that
the operations allow; once either engine has repaired what the cut left, all three count the same blocks.

    python -m powercut.sharing --turns 20000 --seed 1
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import click

from powercut import littlefs
from powercut.engine import Engine, Run
from powercut.generate import operations
from powercut.geometry import Geometry
from powercut.lfsturn import State, littlefs_state, littlefs_turn, replace_attrs
from powercut.ops import Op, segments
from powercut.predict import predict
from powercut.skink import FORMAT_2_0, STAY_2_0, Disk, Store
from powercut.trace import EngineOptions
from powercut.vocabulary import Profile
from powercut_models import Row
from powercut_models.blocks import CONDEMNED
from powercut_models.image import Entry, Image, read_image
from powercut_models.pairs import meet

#: Block sizes 128 to 4096, prog sizes 1 to 512, every kind of erase; tight and roomy.
SHAPES = (
    Geometry(1, 1, 128, 256, 0xFF),
    Geometry(16, 16, 128, 300, 0x00),
    Geometry(128, 128, 128, 400, None),
    Geometry(8, 8, 256, 96, 0xFF),
    Geometry(64, 64, 256, 128, None),
    Geometry(16, 16, 512, 64, 0xFF),
    Geometry(1, 2, 512, 96, None),
    Geometry(256, 256, 512, 96, 0xFF),
    Geometry(512, 512, 512, 96, 0x00),
    Geometry(8, 32, 1024, 48, None),
    Geometry(1, 1, 1024, 64, 0x00),
    Geometry(512, 512, 2048, 48, 0xFF),
    Geometry(16, 16, 4096, 32, 0xFF),
    Geometry(512, 512, 4096, 32, None),
)

#: Turns on one image before a fresh one is made.
LIFE = 40


class SharingError(AssertionError):
    """What should hold behind a turn does not; the message says what, and how to have it again."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn left: the image, the states that are allowed there, where the power went out (or not)."""

    image: bytes
    allowed: tuple[State, ...]
    where: str
    cut: bool


@dataclass(slots=True)
class Life:
    """One image, from its format on. ``stay``: both engines leave an image of version 2.0 at 2.0."""

    seed: str
    geometry: Geometry
    draw: random.Random
    skink: Engine
    stay: bool = False
    minor: int = 1
    block_cycles: int = -1
    image: bytes = b""
    state: State = field(default_factory=dict)
    turns: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def disk_version(self) -> int:
        """What littlefs is told to stay at; 0: nothing."""
        return 0x20000 if self.stay else 0

    @property
    def skink_flags(self) -> int:
        """The same for skink."""
        return STAY_2_0 if self.stay else 0


def new_life(seed: str, skink: Engine, geometry: Geometry | None = None) -> Life:
    """An empty store of a random shape, made by either engine."""
    draw = random.Random(seed)
    drawn = draw.choice(SHAPES)
    life = Life(seed, geometry or drawn, draw, skink)
    life.minor = draw.choice([1, 1, 0])
    life.stay = life.minor == 0 and draw.random() < 0.5
    life.block_cycles = draw.choice([-1, -1, 1, 3, 10, 50])
    name_max = min(40, life.geometry.block_size // 2 - 48)
    if draw.random() < 0.5:
        with Disk(life.geometry) as disk:
            disk.format(name_max=name_max, flags=FORMAT_2_0 if life.minor == 0 else 0)
            life.image = disk.image
    else:
        memory = littlefs.Memory(life.geometry)
        littlefs.mount(
            memory, life.geometry, fresh=True, name_max=name_max, disk_version=0x20000 + life.minor
        )
        life.image = memory.image
    life.state = image_state(read_image(life.image, life.geometry.block_size))
    return life


def next_turn(life: Life) -> None:
    """Has one of the two write, mostly the one that did not write last, and judges what it leaves. Raises
    SharingError."""
    if life.turns % 4 == 3:
        player = life.draw.choice([skink_turn, lfs_turn, attribute_turn])
    else:
        player = skink_turn if life.turns % 2 else lfs_turn
    turn = Turn(life.image, (life.state,), "", False)
    life.turns += 1
    try:
        turn = player(life)
        judge(life, turn)
    except Exception as error:
        raise SharingError(
            f"life {life.seed!r}, turn {life.turns}, {life.geometry}, version 2.{life.minor}"
            f"{' (stays)' if life.stay else ''}, block_cycles {life.block_cycles}, {turn.where}: "
            f"{type(error).__name__}: {error}"
        ) from error
    life.counts[player.__name__] += 1
    life.counts["cuts"] += turn.cut


# --- skink's turn ------------------------------------------------------------------------------------------


def skink_turn(life: Life) -> Turn:
    """skink's operations, all of them that the engine ABI knows, recorded and cut."""
    options = EngineOptions(disk_minor=1 if life.stay else 0)
    facts = life.skink.facts(life.image, life.geometry, options)
    profile = Profile(life.geometry, life.skink.capabilities, facts.name_max)
    held = tuple((key, _size(entry)) for key, entry in life.state.items() if key)
    count = life.draw.choice([1, 2, 4, 8])
    ops = tuple(operations(profile, life.draw.getrandbits(32), count, held))
    with life.skink.record(life.geometry, ops, image=life.image, options=options) as run:
        prediction = predict(run, ops, rows_of(life.state))
        try:
            if prediction.wrong:
                raise SharingError(f"skink: {prediction.wrong[0].words}")
            states = [life.state]
            for index, op in enumerate(ops):
                changes = prediction.model.changes(index)
                states.append(after_operation(states[-1], op, *changes))
        finally:
            prediction.close()
        return _cut_run(life, run, states)


def _size(entry: Entry) -> int | None:
    return None if entry.data is None else len(entry.data)


def _cut_run(life: Life, run: Run, states: list[State]) -> Turn:
    """The image at one of the run's events, the event itself half done now and then."""
    end = run.event_count
    cut = life.draw.random() < 0.75 and end > 0
    at = life.draw.randrange(end) if cut else end
    image, (done, in_flight) = run.image(at), run.position(at)
    where = f"skink's event {at} of {end}"
    if cut and life.draw.random() < 0.4:
        event = run.event(at)
        where += f", half of it ({event})"
        image = half_done(image, run.image(at + 1), event.kind, event.block, life)
        last, more = run.position(at + 1)
        return Turn(image, tuple(states[done : last + more + 1]), where, True)
    return Turn(image, tuple(states[done : done + in_flight + 1]), where, cut)


def half_done(before: bytes, after: bytes, kind: str, block: int, life: Life) -> bytes:
    """A prog that wrote its first units only; an erase of the block's first or last part."""
    size, unit = life.geometry.block_size, life.geometry.prog_size
    start, here = block * size, life.draw.randrange(0, size // unit + 1) * unit
    old, new = before[start : start + size], after[start : start + size]
    mixed = new[:here] + old[here:]
    if kind == "erase" and life.draw.random() < 0.5:
        mixed = old[:here] + new[here:]
    return before if kind == "sync" else before[:start] + mixed + before[start + size :]


def after_operation(state: State, op: Op, died: list[Row], born: list[Row]) -> State:
    """The state behind an operation of skink's. The rows come from the model; attributes stay with a key, and
    go along with a rename."""
    after = {key: entry for key, entry in state.items() if key not in {row.key for row in died}}
    source, target = _renamed(op, {row.key for row in born})
    for row in born:
        moved = source is not None and (row.key == target or row.key.startswith(target + b"/"))
        origin = source + row.key[len(target) :] if moved and source is not None else row.key
        attrs = state[origin].attrs if origin in state else {}
        after[row.key] = Entry(row.key, row.kind, row.data, row.time, attrs)
    return after


def _renamed(op: Op, born: set[bytes]) -> tuple[bytes | None, bytes]:
    if op.kind != "rename" or not born:
        return None, b""
    source, target = b"/".join(segments(op.key)), b"/".join(segments(op.target))
    inside = b"/".join([part for part in (target, source.rpartition(b"/")[2]) if part])
    return source, target if target in born else inside


def attribute_turn(life: Life) -> Turn:
    """skink sets and removes user attributes: the engine ABI has none, so nothing is cut here."""
    state = life.state
    with Disk(life.geometry, life.image) as disk:
        with Store(disk, flags=life.skink_flags) as store:
            for key in life.draw.sample(sorted(state), min(3, len(state))):
                kind = life.draw.choice([1, 0x55])
                data = life.draw.choice([None, b"skink", bytes(life.geometry.block_size // 16)])
                store.set_attr(key, kind, data)
                state = replace_attrs(state, key, kind, data)
            problem = store.check()
        if problem:
            raise SharingError(f"skink after its attributes: {problem}")
        return Turn(disk.image, (state,), "skink's attributes", False)


# --- littlefs's turn ---------------------------------------------------------------------------------------


def lfs_turn(life: Life) -> Turn:
    """littlefs's operations, recorded and cut."""
    how = (life.draw, life.block_cycles, life.disk_version)
    record = littlefs_turn(life.image, life.geometry, life.state, *how)
    cut = life.draw.random() < 0.75 and len(record.events) > 0
    at = life.draw.randrange(len(record.events)) if cut else len(record.events)
    image, where = record.image(at), f"littlefs's event {at} of {len(record.events)}"
    if cut and life.draw.random() < 0.4:
        kind, block = record.events[at].kind, record.events[at].block
        where += f", half of it ({kind} of block {block})"
        image = half_done(image, record.image(at + 1), kind, block, life)
        return Turn(image, record.states_around(at, at + 1), where, True)
    return Turn(image, record.states_around(at, at), where, cut)


# --- the judges --------------------------------------------------------------------------------------------


def rows_of(state: Mapping[bytes, Entry]) -> list[Row]:
    """The rows of a state, as the model takes them."""
    return [Row(key, entry.kind, entry.data, entry.time) for key, entry in state.items() if key]


def image_state(image: Image) -> State:
    """What the independent reader sees; the root's attributes under the empty key."""
    root = Entry(b"", "dictionary", None, None, image.root_attrs)
    return {b"": root} | {entry.key: entry for entry in image.entries()}


def judge(life: Life, turn: Turn) -> None:
    """All readers see one state in the image, as it is and repaired by either: there the life goes on."""
    size = life.geometry.block_size
    state = image_state(read_image(turn.image, size))
    unmade = state not in turn.allowed and unmade_by_littlefs(life, turn, state)
    demand(
        unmade or state in turn.allowed,
        lambda: "the reader sees what may not be: " + apart(state, turn.allowed),
    )
    skink_sees(life, turn.image, state, "the image as it was left")
    memory = littlefs.Memory(life.geometry, turn.image)
    fs = littlefs.mount(memory, life.geometry, disk_version=life.disk_version)
    fs.fs_mkconsistent()
    seen = littlefs_state(fs, state)
    demand(seen == state, lambda: "littlefs sees something else: " + apart(seen, (state,)))
    lost = left_by_littlefs(life, turn, memory.image)
    half_removed = holds_condemned(turn.image, size)
    if not lost and not half_removed:
        mended_alike(life, memory.image, state, fs.used_block_count, "littlefs's repair")
    settled = skink_settles(life, turn.image)
    fs = littlefs.mount(littlefs.Memory(life.geometry, settled), life.geometry)
    mended_alike(life, settled, state, fs.used_block_count, "skink's repair")
    if life.draw.random() < 0.25:
        again = littlefs_state(fs, state)
        demand(again == state, lambda: "littlefs behind skink's repair: " + apart(again, (state,)))
    life.counts["turns in which littlefs lost a pair"] += lost
    life.counts["turns in which littlefs lost a dictionary that it had made"] += unmade
    life.counts["images with a removal that only skink ends"] += half_removed
    unsafe = lost or (life.block_cycles >= 0 and holds_half_moved(turn.image, size))
    life.image, life.state = settled if unsafe else turn.image, state


def left_by_littlefs(life: Life, turn: Turn, image: bytes) -> bool:
    """Whether littlefs has lost an empty pair in a turn of its own, as 2.11 with wear levelling does where a
    pair relocates while a directory is made or removed. skink must find it all the same."""
    if life.block_cycles < 0 or not turn.where.startswith("littlefs"):
        return False
    return bool(read_image(image, life.geometry.block_size).leftovers)


def unmade_by_littlefs(life: Life, turn: Turn, state: State) -> bool:
    """Whether a turn of littlefs's own lost an empty dictionary that it had answered OK to, as 2.11 does now
    and then where the pair of the new dictionary's name relocates for wear: the new pair is there, the name
    is not, and littlefs itself does not see it either. It happens on images of littlefs alone."""
    if not left_by_littlefs(life, turn, turn.image):
        return False
    missing = [(set(one) - set(state), one) for one in turn.allowed if set(one) > set(state)]
    if not any(
        len(gone) == 1 and all(state[key] == one[key] for key in state) and _are_empty(gone, one)
        for gone, one in missing
    ):
        return False
    memory = littlefs.Memory(life.geometry, turn.image)
    fs = littlefs.mount(memory, life.geometry, disk_version=life.disk_version)
    return littlefs_state(fs, state) == state


def _are_empty(keys: set[bytes], state: State) -> bool:
    """Whether these are dictionaries with nothing in them."""
    return all(
        state[key].kind == "dictionary" and not any(one.startswith(key + b"/") for one in state)
        for key in keys
    )


def holds_half_moved(image: bytes, block_size: int) -> bool:
    """Whether the list names a pair by an old address. littlefs 2.11 mends that; but where the
    pair in front is due to be moved for wear, it takes a block for it while it does not see the moved
    pair's values."""
    found = read_image(image, block_size)
    living = [pair.blocks for pair in found.pairs if pair not in found.leftovers]
    return any(meet(left.blocks, other) for left in found.leftovers for other in living)


def holds_condemned(image: bytes, block_size: int) -> bool:
    """Whether a dictionary is being removed that littlefs does not take off its list. skink does, and until
    then its blocks are in use."""
    pairs = read_image(image, block_size).pairs
    return any(slot.type == CONDEMNED for pair in pairs for slot in pair.slots)


def demand(holds: bool, words: Callable[[], str]) -> None:
    """Raises SharingError where something does not hold."""
    if not holds:
        raise SharingError(words())


def apart(found: State, allowed: tuple[State, ...]) -> str:
    """The keys in which a state differs from each that is allowed."""
    lines = []
    for state in allowed:
        keys = [key for key in sorted({*found, *state}) if found.get(key) != state.get(key)]
        lines.append("; ".join(f"{key!r}: {_words(found, key)} for {_words(state, key)}" for key in keys[:4]))
    return " | ".join(lines)


def _words(state: State, key: bytes) -> str:
    entry = state.get(key)
    if entry is None:
        return "nothing"
    data = "" if entry.data is None else f" {len(entry.data)} bytes {entry.data[:6].hex()}"
    return f"{entry.kind}{data} {entry.time} {entry.attrs}"


def skink_sees(life: Life, image: bytes, state: State, where: str) -> None:
    """skink's view, read-only by nature: opening and reading write nothing."""
    with Disk(life.geometry, image) as disk, Store(disk, flags=life.skink_flags) as store:
        problem, rows = store.check(), sorted(rows_of(state), key=lambda row: row.key)
        demand(not problem, lambda: f"skink's check of {where}: {problem}")
        demand(store.rows() == rows, lambda: f"skink sees something else in {where}")
        for key, entry in state.items():
            for kind in (1, 0x55):
                found = store.attr(key, kind)
                demand(found == entry.attrs.get(kind), lambda: f"attribute {kind} of {key!r}: {found!r}")  # noqa: B023
        demand(disk.writes == 0, lambda: f"skink wrote while it read {where}")


def mended_alike(life: Life, image: bytes, state: State, used: int, where: str) -> None:
    """Nothing is left to repair, no block is lost, none is in use twice, and all count the same."""
    found = read_image(image, life.geometry.block_size)
    demand(image_state(found) == state, lambda: f"the reader sees something else behind {where}")
    left = [pair.blocks for pair in found.leftovers]
    demand(not left, lambda: f"pairs are left over behind {where}: {left}")
    count = len(found.usage)
    demand(count == used, lambda: f"the reader counts {count} blocks, littlefs {used}, behind {where}")
    with Disk(life.geometry, image) as disk, Store(disk) as store:
        stat, problem = store.stat(), store.check()
    demand(not problem, lambda: f"skink's check behind {where}: {problem}")
    claim = stat.blocks_used
    demand(claim == used, lambda: f"skink counts {claim} blocks, littlefs {used}, behind {where}")


def skink_settles(life: Life, image: bytes) -> bytes:
    """The image after skink has finished what the cut left half done."""
    with Disk(life.geometry, image) as disk:
        with Store(disk, flags=life.skink_flags) as store:
            store.settle()
            problem, pending = store.check(), store.stat().pending
        demand(not problem, lambda: f"skink's check of what it settled: {problem}")
        demand(not pending, lambda: "skink has settled, and says that work is pending")
        return disk.image


@click.command()
@click.option("--turns", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--first", type=click.IntRange(0), default=0, help="Images to pass over.")
@click.option("--keep-going", is_flag=True, help="Tell of each failure and go on with another image.")
@click.option("--name-images", is_flag=True, help="Name each image before its turns: littlefs may abort.")
def main(turns: int, seed: int, first: int, keep_going: bool, name_images: bool) -> None:
    """Has skink and littlefs take turns on images, and cuts the power."""
    skink, counts, failed = Engine.load("skink"), Counter[str](), 0
    for number in range(first, first + -(-turns // LIFE)):
        if name_images:
            click.echo(f"image {seed}/{number}", err=True)
        life = new_life(f"{seed}/{number}", skink, SHAPES[number % len(SHAPES)])
        try:
            for _ in range(LIFE):
                next_turn(life)
        except SharingError as error:
            failed += 1
            click.echo(str(error), err=True)
            if not keep_going:
                break
        counts += life.counts
    click.echo(f"seed {seed}: {dict(counts)}, {failed} failures")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
