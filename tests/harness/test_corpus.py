# SPDX-License-Identifier: ISC
"""Fuzzer inputs and traces: both ways, exactly, and in C as in Python."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powercut.corpus import (
    BLOCKS_MIN,
    DEVICE_MAX,
    KNOWN,
    OPS_MAX,
    POOL_MAX,
    SHAPES,
    STRING_MAX,
    STRINGS_MAX,
    VALUE_MAX,
    input_of,
    name_of,
    pack,
    restrict,
    trace_of,
    unpack,
)
from powercut.errors import PowercutError
from powercut.generate import GEOMETRIES, operations
from powercut.geometry import Geometry
from powercut.ops import KINDS, Generated, Literal, Op
from powercut.strategies import operation_lists
from powercut.trace import EngineOptions, EngineRef, Trace
from powercut.vocabulary import Profile

ROOT = Path(__file__).resolve().parents[2]
FUZZ = ROOT / "csrc" / "fuzz"

ALL = frozenset(
    {"timestamps", "dictionaries", "set_partial", "allocate", "rename", "digest", "last_modified", "sync"}
)
REF = EngineRef("skink", "0.1.0")
GEOMETRY = GEOMETRIES[0]


def some_bytes(draw: random.Random) -> bytes:
    """Bytes that look like an input here and there."""
    head = bytes([draw.choice((draw.randrange(8), draw.randrange(256), 255))])
    if head == b"\xff" and draw.random() < 0.8:
        sizes = (draw.choice((1, 8, 16)), draw.choice((1, 16, 24)), draw.choice((64, 240, 4096, 1 << 19)))
        head += b"".join(size.to_bytes(4, "little") for size in sizes) + draw.choice(
            (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\7\0\0\0")
        )
    head += draw.choice((b"\x20\0", b"\2\0", draw.randbytes(2)))
    names = [draw.choice((b"", b"key", b"a", b"two", b"key", draw.randbytes(3))) for _ in range(3)]
    strings = b"".join(len(name).to_bytes(2, "little") + name for name in names)
    head += bytes([draw.choice((3, 4, 0, 240, 255))]) + strings
    small = bytes(draw.choice((0, 1, 2, 17, 18, 200)) for _ in range(16 * draw.randrange(8)))
    return head + draw.choice((small, draw.randbytes(100), draw.randbytes(16 * 300), b""))


SAMPLES = [some_bytes(random.Random(seed)) for seed in range(400)] + [b"", b"\0", b"\xff", b"\xff" * 4000]


def canonical(data: bytes) -> bytes:
    return pack(*unpack(data))


def test_the_canonical_form_of_any_bytes_is_its_own() -> None:
    for data in SAMPLES:
        once = canonical(data)
        assert canonical(once) == once
        assert unpack(once) == unpack(data)


def test_an_input_becomes_a_trace_and_the_same_input_again() -> None:
    for data in map(canonical, SAMPLES):
        assert input_of(trace_of(data, REF)) == data


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_generated_traces_become_inputs_and_the_same_traces_again(geometry: Geometry) -> None:
    profile = Profile(geometry, ALL, 255)
    for seed in range(10):
        trace = Trace(geometry, tuple(operations(profile, seed, 100)), REF)
        assert trace_of(input_of(trace), REF) == trace


@given(operation_lists(Profile(GEOMETRY, ALL, 16)))
def test_any_list_of_operations_survives_the_way_there_and_back(made: list[Op]) -> None:
    assert unpack(pack(GEOMETRY, made)) == (GEOMETRY, tuple(made))


NUMBERS = st.integers(0, 2**32 - 1)
STRINGS = st.binary(max_size=40)
VALUES = st.builds(Literal, STRINGS) | st.builds(Generated, NUMBERS, st.integers(0, VALUE_MAX))


@given(
    st.lists(
        st.one_of(
            st.builds(Op, st.sampled_from(["get", "list", "exists", "digest", "remove"]), STRINGS),
            st.builds(Op, st.just("set"), STRINGS, value=VALUES),
            st.builds(Op, st.just("set_partial"), STRINGS, off=NUMBERS, value=VALUES),
            st.builds(Op, st.just("get_partial"), STRINGS, off=NUMBERS, length=NUMBERS),
            st.builds(Op, st.just("allocate"), STRINGS, length=st.integers(0, VALUE_MAX)),
            st.builds(Op, st.just("rename"), STRINGS, target=STRINGS),
            st.just(Op("sync", b"")),
        ),
        max_size=20,
    )
)
def test_every_field_of_every_kind_survives(made: list[Op]) -> None:
    assert unpack(pack(GEOMETRY, made)) == (GEOMETRY, tuple(made))


@given(
    st.sampled_from([(1, 1), (16, 16), (3, 1), (1, 24), (48, 24)]),
    st.sampled_from([48, 240, 4080]),
    st.integers(BLOCKS_MIN, 200),
    st.none() | st.integers(0, 255),
)
def test_any_small_device_survives(sizes: tuple[int, int], block: int, count: int, erase: int | None) -> None:
    geometry = Geometry(*sizes, block, count, erase)
    assert unpack(pack(geometry, [])) == (geometry, ())


def test_what_no_input_can_hold_is_told_in_one_sentence() -> None:
    def refusal(trace: Trace) -> str:
        with pytest.raises(PowercutError) as caught:
            input_of(trace)
        return str(caught.value)

    big = Op("set", b"a", value=Generated(1, VALUE_MAX + 1))
    wide = [Op("get", b"key%d" % index) for index in range(STRINGS_MAX + 1)]
    for made, words in (
        (Trace(GEOMETRY, (big,), REF), "has a value of 65537 bytes"),
        (Trace(GEOMETRY, (Op("get", b"a"),) * (OPS_MAX + 1), REF), "has 257 operations"),
        (Trace(GEOMETRY, (Op("get", b"k" * (STRING_MAX + 1)),), REF), "of more than 1023 bytes"),
        (Trace(GEOMETRY, tuple(wide), REF), "more than 239 keys"),
        (Trace(GEOMETRY, (Op("get_partial", b"a", length=2**32),), REF), "a number of more than 32 bits"),
        (Trace(Geometry(16, 16, 512, 4096, 0xFF), (), REF), "has 4096 blocks of 512 bytes"),
        (Trace(GEOMETRY, (), REF, image=bytes(GEOMETRY.size)), "begins with an image"),
        (Trace(GEOMETRY, (), EngineRef("skink", "", EngineOptions(name_max=9))), "options for the engine"),
    ):
        assert words in refusal(made)
        assert refusal(made).startswith("No input can hold this trace: it ")


def test_operations_that_an_engine_cannot_do_are_left_out() -> None:
    few = frozenset({"timestamps"})
    made = [Op("set", b"a", value=Literal(b"")), Op("set", b"a/b", value=Literal(b"")), Op("sync", b"")]
    made += [Op("rename", b"a", target=b"b"), Op("rename", b"/a/", target=b"/b"), Op("list", b"")]
    assert restrict(made, few) == (made[0], made[5])
    assert restrict(made, few | {"rename", "sync"}) == (made[0], made[2], made[3], made[4], made[5])
    assert restrict(made, ALL) == tuple(made)


def test_an_input_is_named_as_libfuzzer_names_it() -> None:
    assert name_of(b"") == "da39a3ee5e6b4b0d3255bfef95601890afd80709"


# --- in C ------------------------------------------------------------------------------------------------

MAIN = """
#include "input.h"
#include "shake.h"
#include <stdio.h>
static struct input in;
static uint8_t bytes[1 << 20];
static const struct pc_engine few = {.capabilities = PC_CAN_RENAME, .durability = PC_DURABLE_ON_RETURN};
static const struct pc_engine all = {.capabilities = 0xffff, .durability = PC_DURABLE_ON_SYNC};
static void hex(const uint8_t *at, size_t size) {
    for (size_t i = 0; i < size; i++) printf("%02x", at[i]);
    printf("\\n");
}
int main(int argc, char **argv) {
    static uint8_t out[1 << 20];
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        size_t size = fread(bytes, 1, sizeof(bytes), file);
        fclose(file);
        for (int able = 0; able < 3; able++) {
            input_read(&in, bytes, size);
            if (able > 0) input_restrict(&in, able == 1 ? &few : &all);
            hex(out, input_write(&in, out, able == 2 ? 200 : sizeof(out)));
        }
        shake_value((uint32_t)i * 77777777u, out, (size_t)i % 400);
        hex(out, (size_t)i % 400);
    }
    return 0;
}
"""


@pytest.fixture(scope="module")
def in_c(tmp_path_factory: pytest.TempPathFactory) -> list[list[bytes]]:
    """For each sample: its canonical form, that for an engine that can do little, in 200 bytes; a value."""
    folder = tmp_path_factory.mktemp("input")
    (folder / "main.c").write_text(MAIN)
    sources = [folder / "main.c", FUZZ / "input.c", FUZZ / "shake.c", ROOT / "csrc/blockdev/device.c"]
    command = [
        *os.environ.get("CC", "cc").split(),
        "-std=c11",
        "-O1",
        f"-I{ROOT / 'csrc/include'}",
        f"-I{FUZZ}",
    ]
    subprocess.run([*command, *map(str, sources), "-o", str(folder / "main")], check=True)
    for index, data in enumerate(SAMPLES):
        (folder / f"{index}").write_bytes(data)
    names = [str(index) for index in range(len(SAMPLES))]
    done = subprocess.run([folder / "main", *names], cwd=folder, check=True, capture_output=True, text=True)
    lines = [bytes.fromhex(line) for line in done.stdout.splitlines()]
    return [lines[index : index + 4] for index in range(0, len(lines), 4)]


def test_c_reads_and_writes_inputs_as_python_does(in_c: list[list[bytes]]) -> None:
    assert len(in_c) == len(SAMPLES)
    assert [one[0] for one in in_c] == list(map(canonical, SAMPLES))


def test_c_leaves_out_what_an_engine_cannot_do_as_python_does(in_c: list[list[bytes]]) -> None:
    for data, made in zip(SAMPLES, in_c, strict=True):
        geometry, every = unpack(data)
        assert made[1] == pack(geometry, restrict(every, frozenset({"rename"})))


def test_what_does_not_fit_is_left_out_from_the_end(in_c: list[list[bytes]]) -> None:
    shorter = 0
    for data, made in zip(SAMPLES, in_c, strict=True):
        geometry, every = unpack(data)
        kept = unpack(made[2])[1]
        assert len(made[2]) <= 200
        assert (geometry, kept) == (unpack(made[2])[0], every[: len(kept)])
        assert len(kept) == len(every) or len(pack(geometry, every[: len(kept) + 1])) > 200
        shorter += len(kept) < len(every)
    assert shorter > 20


def test_c_makes_the_same_values(in_c: list[list[bytes]]) -> None:
    for index, made in enumerate(in_c, 1):
        assert made[3] == Generated(index * 77777777 % 2**32, index % 400).bytes()


def test_the_limits_are_those_of_the_header() -> None:
    header = (FUZZ / "input.h").read_text()
    for name, value in {
        "STRINGS_MAX": STRINGS_MAX,
        "STRING_MAX": STRING_MAX,
        "POOL_MAX": POOL_MAX,
        "OPS_MAX": OPS_MAX,
        "VALUE_MAX": VALUE_MAX,
        "BLOCKS_MIN": BLOCKS_MIN,
        "KNOWN": len(KNOWN),
        "SHAPES": len(SHAPES),
    }.items():
        assert f"#define INPUT_{name} {value}u" in header
    assert (DEVICE_MAX, len(KINDS)) == (1 << 20, 13)
