# SPDX-License-Identifier: ISC
"""skink and littlefs take turns on one image, the power goes out on either, and nothing is wrong or lost.

Hundreds of turns here; `POWERCUT_TURNS=20000` (and `POWERCUT_SEED=2`) in the environment for more, or
`python -m powercut.sharing --turns 20000 --seed 2`.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pytest

from powercut import littlefs
from powercut.engine import Engine
from powercut.geometry import Geometry
from powercut.lfsturn import littlefs_turn
from powercut.ops import Op
from powercut.sharing import (
    LIFE,
    SHAPES,
    Life,
    SharingError,
    Turn,
    after_operation,
    image_state,
    judge,
    new_life,
    next_turn,
)
from powercut_models import Row
from powercut_models.image import Entry, read_image

TURNS = int(os.environ.get("POWERCUT_TURNS", str(LIFE * len(SHAPES))))
SEED = os.environ.get("POWERCUT_SEED", "3")


def a_life(turns: int, seed: str = "judged", geometry: Geometry = SHAPES[5]) -> Life:
    life = new_life(seed, Engine.load("skink"), geometry)
    for _ in range(turns):
        next_turn(life)
    return life


@pytest.mark.parametrize("shape", range(len(SHAPES)), ids=[str(shape) for shape in SHAPES])
def test_skink_and_littlefs_share_an_image_through_power_cuts_of_either(shape: int) -> None:
    skink = Engine.load("skink")
    turns, cuts = 0, 0
    for number in range(shape, max(TURNS // LIFE, len(SHAPES)), len(SHAPES)):
        life = new_life(f"{SEED}/{number}", skink, SHAPES[shape])
        for _ in range(LIFE):
            next_turn(life)
        turns += life.counts["skink_turn"] + life.counts["lfs_turn"] + life.counts["attribute_turn"]
        cuts += life.counts["cuts"]
    assert turns >= LIFE
    assert cuts > turns // 4


# --- the judges see what is wrong ------------------------------------------------------------------------


def test_a_state_that_no_operation_leaves_is_told() -> None:
    life = a_life(6)
    other = {**life.state, b"ghost": Entry(b"ghost", "value", b"boo", None, {})}
    with pytest.raises(SharingError, match=r"the reader sees what may not be: b'ghost'"):
        judge(life, Turn(life.image, (other,), "", False))


def test_a_lost_attribute_is_told() -> None:
    life = a_life(6)
    root = replace(life.state[b""], attrs={1: b"lost"})
    with pytest.raises(SharingError, match="may not be: b''"):
        judge(life, Turn(life.image, ({**life.state, b"": root},), "", False))


def test_a_turn_is_the_same_each_time() -> None:
    one, other = a_life(12, "again"), a_life(12, "again")
    assert one.image == other.image
    assert one.state == other.state
    assert one.counts == other.counts


def test_attributes_go_along_with_a_rename_and_stay_through_a_set() -> None:
    folder = Entry(b"d", "dictionary", None, None, {1: b"of d"})
    value = Entry(b"d/v", "value", b"1", (1, 1), {1: b"of v"})
    state = {b"": Entry(b"", "dictionary", None, None, {}), b"d": folder, b"d/v": value}
    old = [Row(b"d", "dictionary", None, None), Row(b"d/v", "value", b"1", (1, 1))]
    new = [Row(b"e/d", "dictionary", None, None), Row(b"e/d/v", "value", b"1", (1, 1))]
    moved = after_operation(state, Op("rename", b"/d/", target=b"e"), old, new)
    assert {key: entry.attrs for key, entry in moved.items()} == {
        b"": {}, b"e/d": {1: b"of d"}, b"e/d/v": {1: b"of v"},
    }  # fmt: skip
    written = after_operation(state, Op("set", b"d/v"), [old[1]], [Row(b"d/v", "value", b"2", (2, 2))])
    assert written[b"d/v"] == Entry(b"d/v", "value", b"2", (2, 2), {1: b"of v"})


# --- what littlefs does by itself ------------------------------------------------------------------------


def what_littlefs_makes_of_its_own_image(seed: int, turns: int) -> tuple[Life, Turn]:
    """So many turns of littlefs alone, on an image of its own, without a cut; the last as a turn."""
    geometry, draw = SHAPES[3], random.Random(seed)
    memory = littlefs.Memory(geometry)
    littlefs.mount(memory, geometry, fresh=True, name_max=40, disk_version=0x20001)
    image = memory.image
    state = image_state(read_image(image, geometry.block_size))
    for _ in range(turns):
        record = littlefs_turn(image, geometry, state, draw, 1, 0)
        end = len(record.events)
        turn = Turn(record.image(end), record.states_around(end, end), "littlefs's turn", False)
        image, state = turn.image, turn.allowed[-1]
    return Life(str(seed), geometry, draw, Engine.load("skink"), block_cycles=1), turn


def test_a_dictionary_that_littlefs_made_and_lost_is_counted_and_held_against_nobody() -> None:
    life, turn = what_littlefs_makes_of_its_own_image(1188, 27)
    judge(life, turn)
    assert life.counts["turns in which littlefs lost a dictionary that it had made"] == 1
    assert life.state not in turn.allowed


@pytest.mark.parametrize("where", ["skink's event 5 of 5", "littlefs's turn"])
def test_anything_else_that_is_lost_behind_a_turn_is_told(where: str) -> None:
    """The same image as skink's turn; and with one key more that should be there."""
    life, turn = what_littlefs_makes_of_its_own_image(1188, 27)
    more = {**turn.allowed[-1], b"q": Entry(b"q", "value", b"", None, {})}
    allowed = turn.allowed if where.startswith("skink") else (more,)
    with pytest.raises(SharingError, match="the reader sees what may not be"):
        judge(life, replace(turn, where=where, allowed=allowed))
