# SPDX-License-Identifier: ISC
"""The model says what the contract says: an example for each line of its tables and of docs/model.md."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from powercut_models import Answer, Difference, Row, StoreModel

ROOT = Path(__file__).parents[2]
EMPTY_DIGEST = hashlib.sha256(b"").digest()


def value(key: bytes, data: bytes, time: tuple[int, int] | None = (0, 0)) -> Row:
    return Row(key, "value", data, time)


def dictionary(key: bytes) -> Row:
    return Row(key, "dictionary", None, None)


START = [
    dictionary(b"d"),
    value(b"d/one", b"1", (1, 9)),
    dictionary(b"d/sub"),
    value(b"d/sub/deep", b"0123456789", (9, 9)),
    value(b"d/two", b"22", (2, 0)),
    dictionary(b"empty"),
    value(b"untimed", b"", None),
    value(b"v", b"abc", (5, 7)),
]


@pytest.fixture
def model() -> Iterator[StoreModel]:
    with StoreModel(name_max=8, value_max=100) as made:
        made.load(START)
        yield made


def keys(rows: list[Row]) -> list[bytes]:
    return [row.key for row in rows]


READS: list[tuple[str, bytes, Answer]] = [
    ("exists", b"", Answer("OK", kind="dictionary")),
    ("exists", b"/", Answer("OK", kind="dictionary")),
    ("exists", b"v", Answer("OK", kind="value")),
    ("exists", b"/d//sub/", Answer("OK", kind="dictionary")),
    ("exists", b"none", Answer("OK")),
    ("exists", b"none/x", Answer("OK")),
    ("exists", b"v/x", Answer("OK")),
    ("get", b"v", Answer("OK", data=b"abc")),
    ("get", b"untimed", Answer("OK", data=b"")),
    ("get", b"none", Answer("NOT_FOUND")),
    ("get", b"none/x", Answer("NOT_FOUND")),
    ("get", b"d", Answer("VALUE_EXPECTED")),
    ("get", b"", Answer("VALUE_EXPECTED")),
    ("get", b"v/x", Answer("DICTIONARY_EXPECTED")),
    ("get", b"v/x/y", Answer("DICTIONARY_EXPECTED")),
    ("list", b"d", Answer("OK", entries=((b"one", "value"), (b"sub", "dictionary"), (b"two", "value")))),
    (
        "list",
        b"",
        Answer(
            "OK",
            entries=((b"d", "dictionary"), (b"empty", "dictionary"), (b"untimed", "value"), (b"v", "value")),
        ),
    ),
    ("list", b"empty", Answer("OK", entries=())),
    ("list", b"v", Answer("DICTIONARY_EXPECTED")),
    ("list", b"v/x", Answer("DICTIONARY_EXPECTED")),
    ("list", b"none", Answer("NOT_FOUND")),
    ("size", b"v", Answer("OK", size=3)),
    ("size", b"d", Answer("OK", size=13)),
    ("size", b"", Answer("OK", size=16)),
    ("size", b"empty", Answer("OK", size=0)),
    ("size", b"none", Answer("NOT_FOUND")),
    ("size", b"v/x", Answer("DICTIONARY_EXPECTED")),
    ("last_modified", b"v", Answer("OK", time=(5, 7))),
    ("last_modified", b"d", Answer("OK", time=(2, 0))),
    ("last_modified", b"", Answer("OK", time=(5, 7))),
    ("last_modified", b"empty", Answer("OK", time=(0, 0))),
    ("last_modified", b"untimed", Answer("NO_TIMESTAMP")),
    ("last_modified", b"none", Answer("NOT_FOUND")),
    ("last_modified", b"v/x", Answer("DICTIONARY_EXPECTED")),
    ("digest", b"v", Answer("OK", data=hashlib.sha256(b"abc").digest())),
    ("digest", b"empty", Answer("OK", data=EMPTY_DIGEST)),
    ("digest", b"none", Answer("NOT_FOUND")),
    ("digest", b"v/x", Answer("DICTIONARY_EXPECTED")),
]


@pytest.mark.parametrize(("kind", "key", "answer"), READS)
def test_a_read_answers_what_the_table_says(model: StoreModel, kind: str, key: bytes, answer: Answer) -> None:
    assert model.apply(kind, key) == answer
    assert model.changes(0) == ([], [])


@pytest.mark.parametrize(
    ("off", "length", "data"),
    [(0, 3, b"abc"), (1, 1, b"b"), (2, 50, b"c"), (3, 1, b""), (9, 9, b""), (2**64, 2**64, b""), (0, 0, b"")],
)
def test_get_partial_gives_the_bytes_that_exist(
    model: StoreModel, off: int, length: int, data: bytes
) -> None:
    assert model.apply("get_partial", b"v", off=off, length=length) == Answer("OK", data=data)


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (b"none", "NOT_FOUND"),
        (b"d", "VALUE_EXPECTED"),
        (b"", "VALUE_EXPECTED"),
        (b"v/x", "DICTIONARY_EXPECTED"),
    ],
)
def test_get_partial_refuses_as_get_does(model: StoreModel, key: bytes, code: str) -> None:
    assert model.apply("get_partial", key, length=1) == Answer(code)


def test_a_dictionarys_digest_is_over_its_entries_sorted_by_name(model: StoreModel) -> None:
    def entry(mark: bytes, name: bytes, digest: bytes) -> bytes:
        return mark + len(name).to_bytes(4, "little") + name + digest

    sub = hashlib.sha256(entry(b"v", b"deep", hashlib.sha256(b"0123456789").digest())).digest()
    whole = hashlib.sha256(
        entry(b"v", b"one", hashlib.sha256(b"1").digest())
        + entry(b"d", b"sub", sub)
        + entry(b"v", b"two", hashlib.sha256(b"22").digest())
    ).digest()
    assert model.apply("digest", b"d").data == whole


LONG = b"123456789"

CODES: list[tuple[str, bytes, dict[str, Any], str]] = [
    # keys, before all else
    ("get", b"none/.", {}, "INVALID_KEY"),
    ("get", b"../x", {}, "INVALID_KEY"),
    ("exists", b"a\0b", {}, "INVALID_KEY"),
    ("exists", b".", {}, "INVALID_KEY"),
    ("exists", LONG, {}, "NAME_TOO_LONG"),
    ("exists", b"v/" + LONG, {}, "NAME_TOO_LONG"),
    ("get", LONG + b"/.", {}, "NAME_TOO_LONG"),
    ("get", b"./" + LONG, {}, "INVALID_KEY"),
    ("get", LONG + b"\0", {}, "INVALID_KEY"),
    ("set", b"v/" + LONG, {}, "NAME_TOO_LONG"),
    ("set", b"12345678/...", {}, "OK"),
    ("remove", LONG, {}, "NAME_TOO_LONG"),
    # set
    ("set", b"new", {"data": b"x"}, "OK"),
    ("set", b"v", {"data": b"x"}, "OK"),
    ("set", b"a/b/c", {"data": b"x"}, "OK"),
    ("set", b"d", {}, "VALUE_EXPECTED"),
    ("set", b"", {}, "VALUE_EXPECTED"),
    ("set", b"v/x", {}, "DICTIONARY_EXPECTED"),
    ("set", b"v", {"data": bytes(100)}, "OK"),
    ("set", b"v", {"data": bytes(101)}, "VALUE_TOO_LARGE"),
    ("set", b"d", {"data": bytes(101)}, "VALUE_EXPECTED"),
    ("set", b"v/x", {"data": bytes(101)}, "DICTIONARY_EXPECTED"),
    # set_partial
    ("set_partial", b"d", {"data": b"x"}, "VALUE_EXPECTED"),
    ("set_partial", b"/", {"data": b"x"}, "VALUE_EXPECTED"),
    ("set_partial", b"v/x", {"data": b"x"}, "DICTIONARY_EXPECTED"),
    ("set_partial", b"v", {"off": 3, "data": bytes(97)}, "OK"),
    ("set_partial", b"v", {"off": 4, "data": bytes(97)}, "OK"),
    ("set_partial", b"v", {"off": 3, "data": bytes(98)}, "VALUE_TOO_LARGE"),
    ("set_partial", b"v", {"off": 2**70, "data": b"x"}, "OK"),
    ("set_partial", b"none/x", {"off": 1, "data": b"x"}, "OK"),
    # allocate
    ("allocate", b"new/x", {"length": 100}, "OK"),
    ("allocate", b"new", {"length": 101}, "VALUE_TOO_LARGE"),
    ("allocate", b"new", {"length": 2**80}, "VALUE_TOO_LARGE"),
    ("allocate", b"v", {"length": 101}, "ALREADY_PRESENT"),
    ("allocate", b"d", {}, "ALREADY_PRESENT"),
    ("allocate", b"", {}, "ALREADY_PRESENT"),
    ("allocate", b"v/x", {}, "DICTIONARY_EXPECTED"),
    # remove
    ("remove", b"v", {}, "OK"),
    ("remove", b"d", {}, "OK"),
    ("remove", b"none", {}, "OK"),
    ("remove", b"none/x/y", {}, "OK"),
    ("remove", b"v/x", {}, "DICTIONARY_EXPECTED"),
    ("remove", b"", {}, "INVALID_KEY"),
    ("remove", b"//", {}, "INVALID_KEY"),
    # rename
    ("rename", b"none", {"target": b"x"}, "NOT_FOUND"),
    ("rename", b"none/x", {"target": b"x"}, "NOT_FOUND"),
    ("rename", b"v/x", {"target": b"x"}, "DICTIONARY_EXPECTED"),
    ("rename", b"", {"target": b"x"}, "INVALID_KEY"),
    ("rename", b"", {"target": LONG}, "NAME_TOO_LONG"),
    ("rename", b".", {"target": LONG}, "INVALID_KEY"),
    ("rename", b"none", {"target": b".."}, "INVALID_KEY"),
    ("rename", b"none", {"target": b"v/x"}, "NOT_FOUND"),
    ("rename", b"v", {"target": b"v/x"}, "DICTIONARY_EXPECTED"),
    ("rename", b"d", {"target": b"v/x"}, "DICTIONARY_EXPECTED"),
    ("rename", b"d", {"target": b"d/one/x"}, "DICTIONARY_EXPECTED"),
    ("rename", b"d", {"target": b"d"}, "RENAME_SOURCE_PREFIX"),
    ("rename", b"d", {"target": b"d/sub"}, "RENAME_SOURCE_PREFIX"),
    ("rename", b"d", {"target": b"d/x/y"}, "RENAME_SOURCE_PREFIX"),
    ("rename", b"d", {"target": b"d/one"}, "RENAME_SOURCE_PREFIX"),
    ("rename", b"d", {"target": b""}, "RENAME_SOURCE_PREFIX"),
    ("rename", b"d/sub", {"target": b"d"}, "RENAME_SOURCE_PREFIX"),
    ("rename", b"empty", {"target": b"v"}, "VALUE_EXPECTED"),
    ("rename", b"d", {"target": b"dd"}, "OK"),
    ("rename", b"v", {"target": b"v"}, "OK"),
    ("rename", b"v", {"target": b""}, "OK"),
    ("rename", b"d/one", {"target": b"d"}, "OK"),
]


@pytest.mark.parametrize(("kind", "key", "arguments", "code"), CODES)
def test_the_codes_come_in_the_documented_order(
    model: StoreModel, kind: str, key: bytes, arguments: dict[str, Any], code: str
) -> None:
    assert model.apply(kind, key, **arguments) == Answer(code)
    if code != "OK":
        assert model.changes(0) == ([], [])
        assert model.difference(1, START) == []


def test_set_makes_missing_parents_with_it_in_one_step(model: StoreModel) -> None:
    assert model.apply("set", b"a/b/c", data=b"x", time=(3, 4)).code == "OK"
    assert model.changes(0) == ([], [dictionary(b"a"), dictionary(b"a/b"), value(b"a/b/c", b"x", (3, 4))])


def test_set_of_the_same_bytes_renews_the_timestamp(model: StoreModel) -> None:
    model.apply("set", b"v", data=b"abc", time=(6, 0))
    assert model.changes(0) == ([value(b"v", b"abc", (5, 7))], [value(b"v", b"abc", (6, 0))])


@pytest.mark.parametrize(
    ("off", "data", "whole"),
    [
        (0, b"X", b"Xbc"),
        (1, b"XY", b"aXY"),
        (2, b"XY", b"abXY"),
        (3, b"X", b"abcX"),
        (9, b"X", b"abcX"),
        (1, b"", b"abc"),
    ],
)
def test_set_partial_leaves_no_gap_and_keeps_what_lies_behind(
    model: StoreModel, off: int, data: bytes, whole: bytes
) -> None:
    assert model.apply("set_partial", b"v", off=off, data=data, time=(8, 8)).code == "OK"
    assert model.changes(0)[1] == [value(b"v", whole, (8, 8))]


def test_set_partial_makes_a_missing_value_and_its_parents(model: StoreModel) -> None:
    model.apply("set_partial", b"a/b", off=5, data=b"xy", time=(1, 1))
    model.apply("set_partial", b"c", data=b"", time=(1, 2))
    assert model.changes(0)[1] == [dictionary(b"a"), value(b"a/b", b"xy", (1, 1))]
    assert model.changes(1)[1] == [value(b"c", b"", (1, 2))]


def test_allocate_makes_zero_bytes_with_the_given_time(model: StoreModel) -> None:
    model.apply("allocate", b"a/b", length=5, time=(1, 1))
    assert model.changes(0)[1] == [dictionary(b"a"), value(b"a/b", bytes(5), (1, 1))]


def test_remove_takes_a_dictionary_with_all_below_and_nothing_beside(model: StoreModel) -> None:
    model.apply("set", b"d-", data=b"beside")
    model.apply("set", b"d\x01", data=b"beside")
    model.apply("remove", b"d")
    assert keys(model.changes(2)[0]) == [b"d", b"d/one", b"d/sub", b"d/sub/deep", b"d/two"]
    assert keys(model.rows()) == [b"d\x01", b"d-", b"empty", b"untimed", b"v"]


def test_a_dictionary_that_becomes_empty_stays(model: StoreModel) -> None:
    model.apply("remove", b"d/sub/deep")
    model.apply("rename", b"d/one", target=b"one")
    model.apply("rename", b"d/two", target=b"two")
    assert model.apply("list", b"d/sub").entries == ()
    model.apply("remove", b"d/sub")
    assert model.apply("list", b"d").entries == ()


def test_rename_keeps_the_timestamp_and_replaces_a_value(model: StoreModel) -> None:
    assert model.apply("rename", b"v", target=b"d/one", time=(7, 7)).code == "OK"
    died, born = model.changes(0)
    assert died == [value(b"d/one", b"1", (1, 9)), value(b"v", b"abc", (5, 7))]
    assert born == [value(b"d/one", b"abc", (5, 7))]


def test_rename_moves_into_a_dictionary_once(model: StoreModel) -> None:
    assert model.apply("rename", b"v", target=b"d").code == "OK"
    assert model.changes(0)[1] == [value(b"d/v", b"abc", (5, 7))]
    model.apply("set", b"e/d/x")
    assert model.apply("rename", b"d", target=b"e").code == "ALREADY_PRESENT"
    model.apply("set", b"sub")
    assert model.apply("rename", b"sub", target=b"d").code == "ALREADY_PRESENT"
    model.apply("set", b"f/empty")
    assert model.apply("rename", b"empty", target=b"f").code == "VALUE_EXPECTED"


def test_rename_moves_a_subtree_and_makes_the_targets_parents(model: StoreModel) -> None:
    assert model.apply("rename", b"d", target=b"x/y").code == "OK"
    died, born = model.changes(0)
    assert keys(died) == [b"d", b"d/one", b"d/sub", b"d/sub/deep", b"d/two"]
    assert keys(born) == [b"x", b"x/y", b"x/y/one", b"x/y/sub", b"x/y/sub/deep", b"x/y/two"]
    assert model.apply("list", b"x/y/sub").entries == ((b"deep", "value"),)
    assert model.apply("last_modified", b"x/y/sub").time == (9, 9)


@pytest.mark.parametrize(
    ("key", "target"), [(b"v", b"v"), (b"v", b"/"), (b"d/one", b"d"), (b"d/one", b"d//one/")]
)
def test_rename_of_a_value_onto_itself_does_nothing(model: StoreModel, key: bytes, target: bytes) -> None:
    assert model.apply("rename", key, target=target).code == "OK"
    assert model.changes(0) == ([], [])


def test_every_past_state_can_be_asked(model: StoreModel) -> None:
    model.apply("set", b"v", data=b"1")
    model.apply("get", b"v")
    model.apply("remove", b"d")
    assert model.count == 3
    assert model.rows(0) == START
    assert model.rows(1) == model.rows(2) == [*START[:-1], value(b"v", b"1")]
    assert keys(model.rows(3)) == keys(model.rows()) == [b"empty", b"untimed", b"v"]


def test_a_denied_operation_has_no_effect_and_the_engines_code(model: StoreModel) -> None:
    assert model.apply("set", b"n/x", data=b"1", denied="NO_SPACE") == Answer("NO_SPACE")
    assert model.apply("rename", b"d", target=b"n", denied="IO") == Answer("IO")
    assert model.apply("get", b"v", denied="IO") == Answer("IO")
    assert model.apply("set", b"v/x", denied="NO_SPACE") == Answer("DICTIONARY_EXPECTED")
    assert model.rows() == START
    assert model.count == 4


def test_a_store_without_timestamps_has_none() -> None:
    with StoreModel(timestamps=False) as model:
        model.load(START)
        assert model.apply("set", b"n", data=b"1", time=(3, 3)).code == "OK"
        assert {row.time for row in model.rows()} == {None}
        assert model.apply("last_modified", b"n") == Answer("NO_TIMESTAMP")
        assert model.apply("last_modified", b"d") == Answer("OK", time=(0, 0))
        model.apply("set", b"n", data=b"1", time=(4, 4))
        assert model.changes(3) == ([], [])
        assert model.difference(4, [*START, value(b"n", b"1", (9, 9))]) == []


def test_difference_names_what_is_missing_wrong_and_too_much(model: StoreModel) -> None:
    found = [
        value(b"v", b"abd", (5, 7)),
        value(b"d", b""),
        *START[1:5],
        value(b"untimed", b"", (0, 0)),
        value(b"z", b""),
    ]
    assert model.difference(0, found) == [
        Difference(b"d", dictionary(b"d"), value(b"d", b"")),
        Difference(b"empty", dictionary(b"empty"), None),
        Difference(b"untimed", value(b"untimed", b"", None), value(b"untimed", b"")),
        Difference(b"v", value(b"v", b"abc", (5, 7)), value(b"v", b"abd", (5, 7))),
        Difference(b"z", None, value(b"z", b"")),
    ]


def test_difference_sees_a_key_that_is_shown_twice(model: StoreModel) -> None:
    assert model.difference(0, [*START, START[0]]) == [Difference(b"d", None, START[0])]


def test_difference_takes_no_odd_key_for_a_right_one(model: StoreModel) -> None:
    found = [START[0], value(b"d\0one", b"1", (1, 9)), *START[2:]]
    assert [(d.expected, d.found is None) for d in model.difference(0, found)] == [
        (None, False),
        (START[1], True),
    ]


def test_keys_sort_by_segments_not_by_bytes() -> None:
    with StoreModel() as model:
        for key in (b"a-b", b"a/b", b"a", b"a/b/c", b"a b"):
            model.apply("set", key if key not in (b"a", b"a/b") else key + b"/z")
        assert keys(model.rows()) == [b"a", b"a/b", b"a/b/c", b"a/b/z", b"a/z", b"a b", b"a-b"]


def test_load_makes_missing_parents_and_takes_any_order() -> None:
    with StoreModel() as model:
        model.load([value(b"x/y/z", b"1"), dictionary(b"x/y"), dictionary(b"x")])
        assert keys(model.rows(0)) == [b"x", b"x/y", b"x/y/z"]
        model.apply("remove", b"x/y")
        assert keys(model.changes(0)[0]) == [b"x/y", b"x/y/z"]


def test_names_that_the_store_would_refuse_now_can_be_loaded() -> None:
    with StoreModel(name_max=3) as model:
        model.load([value(b"longer", b"1")])
        assert model.apply("list", b"").entries == ((b"longer", "value"),)


@pytest.mark.parametrize(
    "rows",
    [
        [value(b"a", b""), value(b"a", b"")],
        [value(b"a", b""), value(b"a/b", b"")],
        [value(b"a/b", b""), value(b"a", b"")],
        [dictionary(b"")],
        [value(b"a/..", b"")],
        [Row(b"a", "value", None, None)],
        [Row(b"a", "dictionary", b"", None)],
        [Row(b"a", "symlink", b"", None)],
        [value(b"a", b"", (2**32, 0))],
        [value(b"a", b"", (0, 2**64))],
        [value(b"a", b"", (0, -1))],
    ],
)
def test_load_refuses_what_no_store_holds(rows: list[Row]) -> None:
    with StoreModel() as model, pytest.raises(ValueError):  # noqa: PT011
        model.load(rows)


def test_times_are_without_sign_and_compare_by_days_first() -> None:
    with StoreModel() as model:
        model.load(
            [value(b"a", b"", (0, 2**64 - 1)), value(b"b", b"", (2**32 - 1, 0)), value(b"c", b"", (7, 2**63))]
        )
        assert model.apply("last_modified", b"a").time == (0, 2**64 - 1)
        assert model.apply("last_modified", b"").time == (2**32 - 1, 0)


def test_a_callers_mistake_is_told_and_counts_nothing(model: StoreModel) -> None:
    for arguments in ({"off": -1}, {"length": -1}, {"time": (-1, 0)}, {"denied": "OK"}, {"denied": "WHY"}):
        with pytest.raises(ValueError):  # noqa: PT011
            model.apply("get", b"v", **arguments)
    with pytest.raises(ValueError, match="no operation"):
        model.apply("sett", b"v")
    for at in (-1, 1):
        with pytest.raises(ValueError, match="no state"):
            model.rows(at)
    with pytest.raises(ValueError, match="not applied"):
        model.changes(0)
    assert model.count == 0
    model.apply("get", b"v")
    with pytest.raises(ValueError, match="before the first"):
        model.load([])


def test_a_very_deep_key_is_no_trouble() -> None:
    with StoreModel() as model:
        key = b"/".join([b"x"] * 3000)
        assert model.apply("set", key, data=b"1").code == "OK"
        assert len(model.apply("digest", b"").data or b"") == 32
        assert model.apply("rename", b"x", target=b"y/z").code == "OK"
        assert model.apply("size", b"").size == 1
        assert len(model.rows()) == 3001


def test_the_document_runs() -> None:
    text = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert examples
    for example in examples:
        exec(compile(example, "docs/model.md", "exec"), {})


def test_a_fork_has_the_same_past_and_a_future_of_its_own(model: StoreModel) -> None:
    model.apply("set", b"new", data=b"1", time=(7, 7))
    with model.fork() as twin:
        assert twin.count == model.count
        assert [twin.rows(at) for at in range(2)] == [model.rows(at) for at in range(2)]
        model.apply("remove", b"d")
        twin.apply("rename", b"d", target=b"e")
        assert b"d" not in keys(model.rows())
        assert {b"e", b"e/one"} <= set(keys(twin.rows()))
        assert b"e" not in keys(model.rows())
        assert twin.changes(0) == model.changes(0)
        assert twin.apply("set", b"overlong!", data=b"").code == "NAME_TOO_LONG"
        assert twin.apply("set", b"w", data=bytes(101)).code == "VALUE_TOO_LARGE"
        assert twin.difference(1, model.rows(1)) == []


def test_a_fork_of_a_fork_outlives_what_it_came_from(model: StoreModel) -> None:
    with model.fork() as twin:
        third = twin.fork()
    model.apply("remove", b"v")
    assert third.apply("get", b"v") == Answer("OK", data=b"abc")
    third.close()


def test_sync_changes_nothing(model: StoreModel) -> None:
    before = model.rows()
    assert model.apply("sync", b"") == Answer("OK")
    assert model.apply("sync", b"", denied="IO") == Answer("IO")
    assert (model.rows(), model.changes(0)) == (before, ([], []))
