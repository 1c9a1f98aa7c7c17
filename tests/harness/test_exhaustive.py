# SPDX-License-Identifier: ISC
"""Exhaustive workloads: none is missing, none is there twice, and the count is known beforehand."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import pytest

from powercut.campaign import Campaign, Failure, Plan, Tally
from powercut.counts import Count
from powercut.exhaustive import (
    KINDS,
    NAMES,
    NAMES_BELOW,
    OFFSETS,
    Alphabet,
    ExhaustiveSource,
    coverage,
)
from powercut.faultfile import PREFIXES, Explore
from powercut.geometry import Geometry
from powercut.judge import Violation
from powercut.ops import Op, op_text
from powercut.trace import EngineRef, dumps

GEOMETRY = Geometry(16, 16, 512, 32, 0xFF)

SMALL = [
    Alphabet(3, 0, (5,), ("set", "remove")),
    Alphabet(2, 0, (5, 513), ("set", "set_partial", "allocate", "remove", "rename")),
    Alphabet(2, 1, (5,), ("set", "remove", "rename")),
    Alphabet(2, 2, (5,), ("set", "remove")),
    Alphabet(3, 2, (5,), ("remove",)),
    Alphabet(1, 1, (0,), ("set", "rename", "sync")),
    Alphabet(2, 0, (5,), ("set", "sync")),
]

Word = tuple[Any, ...]
"""An operation apart from its value's bytes: kind, key, target, offset, size."""


def word(op: Op) -> Word:
    size = op.length if op.value is None else op.value.length
    return op.kind, op.key.decode(), op.target.decode(), op.off, size


def every_operation(alphabet: Alphabet) -> list[Word]:
    """The alphabet written out, by another way than the source's."""
    names, below = NAMES[: alphabet.names], NAMES_BELOW[: alphabet.below]
    keys = [*names, *(f"{name}/{second}" for name in names for second in below)]
    made: list[Word] = []
    for kind in alphabet.kinds:
        if kind in ("set", "allocate"):
            made += [(kind, key, "", 0, size) for key in keys for size in alphabet.sizes]
        elif kind == "set_partial":
            made += [(kind, key, "", off, size) for key in keys for off in OFFSETS for size in alphabet.sizes]
        elif kind == "remove":
            made += [(kind, key, "", 0, 0) for key in keys]
        elif kind == "rename":
            made += [(kind, key, target, 0, 0) for key in keys for target in keys]
        else:
            made.append((kind, "", "", 0, 0))
    return made


def renamings(alphabet: Alphabet) -> list[dict[int, str]]:
    """Every way to rename first names among themselves and second names among themselves."""
    names, below = NAMES[: alphabet.names], NAMES_BELOW[: alphabet.below]
    return [
        str.maketrans(names + below, "".join(one + other))
        for one in permutations(names)
        for other in permutations(below)
    ]


def renamed(sequence: tuple[Word, ...], table: dict[int, str]) -> tuple[Word, ...]:
    return tuple(
        (kind, key.translate(table), to.translate(table), *rest) for kind, key, to, *rest in sequence
    )


def source(alphabet: Alphabet, length: int) -> ExhaustiveSource:
    return ExhaustiveSource(alphabet, length, GEOMETRY, EngineRef("plain"))


def sequences(made: ExhaustiveSource) -> list[tuple[Word, ...]]:
    return [tuple(map(word, made.trace(index).operations)) for index in range(made.total)]


@pytest.mark.parametrize("alphabet", SMALL, ids=str)
def test_each_sequence_is_there_once_up_to_renaming(alphabet: Alphabet) -> None:
    length = 3 if len(every_operation(alphabet)) <= 12 else 2
    found = sequences(source(alphabet, length))
    tables = renamings(alphabet)
    covered: dict[tuple[Word, ...], tuple[Word, ...]] = {}
    for one in found:
        for other in {renamed(one, table) for table in tables}:
            assert covered.setdefault(other, one) == one, "two that differ in names alone"
    whole = {
        one for count in range(1, length + 1) for one in product(every_operation(alphabet), repeat=count)
    }
    assert set(covered) == whole
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("alphabet", SMALL, ids=str)
def test_the_closed_form_counts_what_is_enumerated(alphabet: Alphabet) -> None:
    assert alphabet.size(alphabet.names, alphabet.below) == len(every_operation(alphabet))
    for length in (1, 2):
        smaller = source(alphabet, length - 1).total
        assert source(alphabet, length).total - smaller == alphabet.count(length)
    tables = renamings(alphabet)
    orbits = {
        min(renamed(one, table) for table in tables) for one in product(every_operation(alphabet), repeat=2)
    }
    assert alphabet.count(2) == len(orbits)


def test_some_counts_are_known_by_hand() -> None:
    assert [Alphabet(3, 0, (5,), ("remove",)).count(length) for length in range(1, 5)] == [1, 2, 5, 14]
    assert Alphabet(9, 0, (5,), ("remove",)).count(6) == 203  # ways to part six things
    assert Alphabet(1, 0, (5, 6), ("set",)).count(10) == 1024
    assert Alphabet(2, 0, (5,), ("rename",)).count(1) == 2  # a to itself, a to b
    assert Alphabet(1, 2, (5,), ("set",)).count(2) == 1 + 1 + 1 + 2  # aa, a an, an a, an an, an ao


def test_sequences_are_found_by_their_number_alone() -> None:
    made = source(Alphabet(3, 1, (5, 513), KINDS), 6)
    assert made.total > 10**9
    for index in (0, 1, made.total // 3, made.total - 1):
        assert made.trace(index) == source(Alphabet(3, 1, (5, 513), KINDS), 6).trace(index)
    assert len(made.trace(made.total - 1).operations) == 6
    with pytest.raises(IndexError):
        made.trace(made.total)


def test_no_two_operations_of_a_sequence_write_the_same_bytes() -> None:
    made = source(Alphabet(1, 0, (5, 513), ("set",)), 3).trace(10)
    values = [op.data()[:5] for op in made.operations]
    assert len(set(values)) == 3
    assert op_text(made.operations[0]) == 'set "a" to 513 bytes from seed 0'
    assert '"exhaustive: sequence 10 of 14"' in dumps(made)


def test_all_sequences_hold_on_an_engine_that_is_right() -> None:
    made = ExhaustiveSource(
        Alphabet(2, 1, (5,), ("set", "remove", "rename")), 2, GEOMETRY, EngineRef("skink")
    )
    tally = Campaign(Plan("skink", made, traces=made.total)).run()
    told = coverage(made, tally, PREFIXES)
    assert tally.failures == []
    assert (told["exhaustive"], told["sequences"], told["run"]) == (True, made.total, made.total)
    assert told["words"] == (
        "every sequence of 1 to 2 operations (set, remove, rename) on 2 keys and 1 below each, values of 5 "
        f"bytes, up to renaming of keys, on a fresh store ({GEOMETRY}): all {made.total} sequences, all "
        f"{tally.total:,} crash states (prefix): none fails"
    )


SOME = source(Alphabet(2, 0, (5,), ("set", "remove")), 2)


def tally(**changes: Any) -> Tally:
    count = Count(total=100, checked=90, identical=6, unread=4)
    fields: dict[str, Any] = {"traces": SOME.total, "counts": {("", "prefix"): count}}
    return Tally(**{**fields, **changes})


def test_exhaustive_is_said_only_where_nothing_was_left_out() -> None:
    assert coverage(SOME, tally(), PREFIXES)["exhaustive"]
    left = {("", "prefix"): Count(total=100, checked=89, identical=10)}
    beyond = {("nor", "torn"): Count(total=100, checked=100, beyond=3)}
    lacks: list[dict[str, Any]] = [{"traces": SOME.total - 1}, {"counts": left}, {"counts": beyond}]
    for lacking in (*lacks, {"interrupted": True}):
        told = coverage(SOME, tally(**lacking), PREFIXES)
        assert not told["exhaustive"]
        assert told["words"].startswith("not every sequence")
    assert "at 3 cuts not all that there are" in coverage(SOME, tally(counts=beyond), PREFIXES)["words"]


def test_the_statement_names_kinds_and_device_models() -> None:
    whole = Count(total=10, checked=10)
    counts = {("", "prefix"): whole, ("nor", "torn"): whole, ("nand", "torn"): whole, ("", "nested"): whole}
    explore = Explore(kinds=("prefix", "torn", "nested"), depth=3)
    words = coverage(SOME, tally(counts=counts), explore)["words"]
    assert "all 40 crash states (prefix; torn on nand, nor; nested to 3 cuts): none fails" in words
    some = coverage(SOME, tally(counts={("", "prefix"): whole, ("nor", "torn"): Count()}), explore)["words"]
    assert "all 10 crash states (prefix; no torn one there; no nested one there): none fails" in some


def test_a_sequence_that_ended_the_engines_process_was_not_covered() -> None:
    dead = Failure(0, SOME.trace(0), (Violation("crash", None, None, "SIGSEGV", ""),))
    told = coverage(SOME, tally(failures=[dead]), PREFIXES)
    assert (told["exhaustive"], told["run"]) == (False, SOME.total - 1)
