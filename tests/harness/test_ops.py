# SPDX-License-Identifier: ISC
"""Operations: values that are the same everywhere, keys that people can read, a clock that never stands."""

from __future__ import annotations

import dataclasses
import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powercut.native import CODE_NAMES, ffi
from powercut.ops import (
    CODES,
    KINDS,
    Generated,
    Literal,
    Op,
    clock,
    data_text,
    key_bytes,
    key_text,
    op_text,
    printable,
)


def test_a_generated_value_is_shake_128_of_its_seed() -> None:
    assert Generated(7, 5).bytes() == hashlib.shake_128(b"powercut:7").digest(5)
    assert Generated(7, 0).bytes() == b""


def test_generated_values_do_not_compress_and_differ_by_seed() -> None:
    one, two = Generated(1, 4096).bytes(), Generated(2, 4096).bytes()
    assert len(zlib.compress(one, 9)) >= 4096
    assert one != two
    assert Generated(1, 100).bytes() == one[:100]


def test_operations_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Op("set", b"a").kind = "get"  # type: ignore[misc]


@given(st.binary(max_size=40))
def test_every_key_has_a_text_that_gives_it_back(key: bytes) -> None:
    text = key_text(key)
    assert text.isprintable()
    assert key_bytes(text) == key


@pytest.mark.parametrize("text", ["%", "a%4", "%zz", "%%41"])
def test_a_percent_without_two_hex_digits_is_no_key(text: str) -> None:
    with pytest.raises(ValueError, match="two hex digits"):
        key_bytes(text)


def test_key_text_escapes_percent_control_and_broken_utf8_alone() -> None:
    assert key_text("a/ä %\n".encode() + b"\xff") == "a/ä %25%0A%FF"


@given(st.integers(0, 10_000))
def test_the_clock_moves_with_every_operation(index: int) -> None:
    days, picoseconds = clock(index)
    assert clock(index + 1) > (days, picoseconds)
    assert 0 <= picoseconds < 86_400 * 10**12
    assert days < 2**32


def test_codes_and_kinds_are_those_of_the_header() -> None:
    assert CODES == CODE_NAMES
    enumerated = ffi.typeof("enum pc_op_kind").elements
    assert {kind: f"PC_OP_{kind.upper()}" for kind in KINDS} == {
        kind: enumerated[number] for kind, number in KINDS.items()
    }


def test_short_values_are_told_as_text_and_long_ones_by_length_and_hash() -> None:
    assert data_text(b"abc") == '"abc"'
    assert data_text(b"\0\1") == "2 bytes 0001"
    assert data_text(b"x" * 100).startswith("100 bytes (sha256 ")
    assert printable(b"a" * 65) is None


def test_an_operation_is_told_in_one_line() -> None:
    assert op_text(Op("set", b"a/b", value=Literal(b"hi"))) == 'set "a/b" to "hi"'
    assert op_text(Op("rename", b"a", target=b"b")) == 'rename "a" to "b"'
    assert op_text(Op("get_partial", b"a", off=2, length=3)) == 'get_partial "a" from 2, 3 bytes'
    assert len(op_text(Op("remove", b"k" * 5000))) < 120
