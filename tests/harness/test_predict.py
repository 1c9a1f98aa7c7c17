# SPDX-License-Identifier: ISC
"""What the model allows where more than one store is right: after IO, and before a sync."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from powercut.alternatives import ALTERNATIVES_MAX, expected_reply
from powercut.engine import FILL_KEY, Facts, Run
from powercut.geometry import Geometry
from powercut.hashes import Hash, StoreHash
from powercut.judge import DIFFERENCES_MAX, difference_lines
from powercut.ops import Literal, Op, clock
from powercut.predict import Prediction, predict
from powercut_models import Answer, Difference, Row

GEOMETRY = Geometry(16, 16, 512, 64, 0xFF)

Step = tuple[Op, Answer]


@dataclass
class Played:
    """A recorded run that answered what the test says."""

    steps: list[Step]
    capabilities: frozenset[str] = frozenset({"timestamps", "dictionaries", "rename"})

    facts = Facts(255, 2**31 - 1)
    geometry = GEOMETRY

    @property
    def engine(self) -> Any:
        return self

    def code(self, op: int) -> str:
        return self.steps[op][1].code

    def reply(self, op: int) -> Hash:
        return expected_reply(self.steps[op][0].kind, self.steps[op][1])


def play(*steps: Step, failing: bool = True, sync: bool = False, rows: tuple[Row, ...] = ()) -> Prediction:
    played = Played(list(steps))
    if sync:
        played.capabilities |= {"sync"}
    return predict(cast(Run, played), [op for op, _ in steps], rows, failing=failing)


def put(key: str, value: str, code: str = "OK") -> Step:
    return Op("set", key.encode(), value=Literal(value.encode())), Answer(code)


def get(key: str, value: str | None) -> Step:
    answer = Answer("NOT_FOUND") if value is None else Answer("OK", data=value.encode())
    return Op("get", key.encode()), answer


def remove(key: str, code: str = "OK") -> Step:
    return Op("remove", key.encode()), Answer(code)


SYNC = Op("sync", b""), Answer("OK")


def store(**values: tuple[str, int]) -> Hash:
    """The hash of a store of these values, each with the operation that set it."""
    rows = [Row(key.encode(), "value", text.encode(), clock(at)) for key, (text, at) in values.items()]
    return StoreHash(timestamps=True).change((), rows)


EMPTY: Hash = (0, 0)


def test_without_errors_one_store_is_allowed_after_each_operation() -> None:
    made = play(put("a", "1"), get("a", "1"), remove("a"), failing=False)
    assert made.allowed == ((EMPTY,), (store(a=("1", 0)),), (store(a=("1", 0)),), (EMPTY,))
    assert (made.wrong, made.sound, made.pending, made.synced) == ((), 3, (), None)


def test_after_io_the_effect_and_its_absence_are_both_right() -> None:
    made = play(put("a", "1"), put("a", "2", "IO"), put("b", "3"))
    before, after = store(a=("1", 0)), store(a=("2", 1))
    assert made.allowed[1] == (before,)
    assert set(made.allowed[2]) == {before, after}
    assert set(made.allowed[3]) == {store(a=("1", 0), b=("3", 2)), store(a=("2", 1), b=("3", 2))}
    assert (made.wrong, made.sound, made.pending) == ((), 3, (1,))


@pytest.mark.parametrize(("seen", "last"), [("1", store(a=("1", 0))), ("2", store(a=("2", 1)))])
def test_a_later_answer_leaves_the_store_that_it_fits(seen: str, last: Hash) -> None:
    made = play(put("a", "1"), put("a", "2", "IO"), get("a", seen))
    assert len(made.allowed[2]) == 2
    assert (made.allowed[3], made.wrong) == ((last,), ())


def test_what_was_seen_once_must_stay() -> None:
    made = play(put("a", "1"), put("a", "2", "IO"), get("a", "1"), get("a", "2"))
    assert [(one.kind, one.op) for one in made.wrong] == [("answer", 3)]
    assert made.sound == 3


def test_an_answer_that_fits_no_alternative_is_wrong() -> None:
    made = play(put("a", "1"), put("a", "2", "IO"), get("a", "3"))
    assert [(one.kind, one.op) for one in made.wrong] == [("answer", 2)]
    assert "something else than expected" in made.wrong[0].words


def test_a_code_that_fits_one_alternative_leaves_that_one() -> None:
    made = play(put("a", "1", "IO"), get("a", None))
    assert (made.allowed[2], made.wrong) == ((EMPTY,), ())


def test_io_without_a_failing_device_is_a_wrong_answer() -> None:
    made = play(put("a", "1", "IO"), failing=False)
    assert [(one.kind, one.code) for one in made.wrong] == [("answer", "IO")]
    assert made.sound == 0


def test_io_in_place_of_a_refusal_or_of_no_effect_opens_nothing() -> None:
    made = play(put("a", "1"), put("a/b", "2", "IO"), remove("c", "IO"), (Op("get", b"a"), Answer("IO")))
    assert made.allowed[1:] == ((store(a=("1", 0)),),) * 4
    assert (made.wrong, made.pending) == ((), ())


def test_alternatives_that_become_equal_are_one_again() -> None:
    made = play(put("a", "1"), put("a", "2", "IO"), put("a", "3"))
    assert len(made.allowed[2]) == 2
    assert made.allowed[3] == (store(a=("3", 2)),)


def test_the_parents_that_a_pending_set_implies_belong_to_it() -> None:
    made = play(put("d/a", "1", "IO"))
    rows = [Row(b"d", "dictionary", None, None), Row(b"d/a", "value", b"1", clock(0))]
    assert set(made.allowed[1]) == {EMPTY, StoreHash(timestamps=True).change((), rows)}


def test_a_run_with_more_alternatives_than_can_be_followed_is_judged_up_to_there() -> None:
    steps = [put(f"k{index}", "x", "IO") for index in range(10)]
    made = play(*steps, get("k0", "no such bytes"))
    fits = next(index for index in range(10) if 2 ** (index + 1) > ALTERNATIVES_MAX)
    assert made.sound == fits + 1
    assert len(made.allowed) == len(steps) + 2
    assert [len(stores) for stores in made.allowed[: fits + 1]] == [2**index for index in range(fits + 1)]
    assert made.wrong == ()


def test_a_full_device_is_one_answer_for_all_alternatives() -> None:
    small = [Row(b"big", "value", bytes(20_000), (1, 1))]
    made = play(put("a", "1", "IO"), put("b", "2", "NO_SPACE"), rows=tuple(small))
    assert len(made.allowed[2]) == 2
    assert made.wrong == ()
    refused = play(put("a", "1", "IO"), put("b", "2", "NO_SPACE"))
    assert [one.kind for one in refused.wrong] == ["no_space"]


def test_on_sync_every_store_since_the_last_sync_is_allowed() -> None:
    made = play(put("a", "1"), put("b", "2"), SYNC, get("a", "1"), put("a", "3"), sync=True)
    one, two = store(a=("1", 0)), store(a=("1", 0), b=("2", 1))
    three = store(a=("3", 4), b=("2", 1))
    assert made.allowed == ((EMPTY,), (EMPTY, one), (EMPTY, one, two), (two,), (two,), (two, three))
    assert made.synced == (0, 3)


def test_a_sync_that_answered_io_makes_nothing_durable() -> None:
    made = play(put("a", "1"), (Op("sync", b""), Answer("IO")), sync=True)
    assert made.allowed[2] == (EMPTY, store(a=("1", 0)))
    assert (made.synced, made.pending) == ((0,), ())


def test_what_an_alternative_left_behind_goes_with_it() -> None:
    made = play(put("a", "1", "IO"), put("b", "2"), get("a", None), sync=True)
    assert set(made.allowed[3]) == {EMPTY, store(b=("2", 1))}


def test_a_sync_asked_of_an_engine_that_is_durable_on_return_is_not_judged() -> None:
    made = play(put("a", "1"), (Op("sync", b""), Answer("UNSUPPORTED")), get("a", "1"))
    assert (made.wrong, made.allowed[2]) == ((), (store(a=("1", 0)),))


def test_differences_are_told_from_the_nearest_allowed_store() -> None:
    made = play(put("a", "1"), put("a", "2", "IO"), put("b", "3"))
    rows = [Row(b"a", "value", b"2", clock(1)), Row(b"b", "value", b"x", clock(2))]
    nearest = made.nearest(3, False, rows)
    assert [one.key for one in nearest.differences] == [b"b"]
    assert nearest.differences[0].expected == Row(b"b", "value", b"3", clock(2))
    assert made.words(3, False) == (
        "the model after 3 operations, with and without what answered IO (operation 1)"
    )
    assert made.words(0, True) == "operation 0 done or not done"


def test_the_nearest_store_before_a_sync_may_be_an_older_one() -> None:
    made = play(put("a", "1"), SYNC, put("b", "2"), put("c", "3"), sync=True)
    rows = [Row(b"a", "value", b"?", clock(0)), Row(b"b", "value", b"2", clock(2))]
    nearest = made.nearest(4, False, rows)
    assert (nearest.done, [one.key for one in nearest.differences]) == (3, [b"a"])
    assert made.words(4, False) == "the model after 2 to 4 operations"


def test_entries_are_all_that_ever_were_in_any_alternative() -> None:
    loaded = Row(b"z", "value", b"0", (1, 2))
    made = play(put("a", "1"), put("a", "2", "IO"), get("a", "1"), remove("a"), rows=(loaded,))
    rows = [loaded, *(Row(b"a", "value", text, clock(at)) for at, text in enumerate((b"1", b"2")))]
    expected = {StoreHash(timestamps=True).entry(row) for row in rows}
    assert set(made.entries()) == expected
    numbers = [high << 64 | low for low, high in made.entries()]
    assert numbers == sorted(numbers)
    made.close()


def test_a_removal_is_never_refused_for_want_of_room() -> None:
    full = Row(b"big", "value", bytes(20_000), (1, 1))
    made = play(put("a", "1", "NO_SPACE"), remove("big", "NO_SPACE"), rows=(full,))
    assert [(one.kind, one.op) for one in made.wrong] == [("no_space", 1)]


def test_what_filled_the_device_is_told_as_a_count() -> None:
    fillers = [Difference(FILL_KEY + b"%d" % number, None, Row(b"", "value", b"", clock(0)))
               for number in range(312)]  # fmt: skip
    lost = Difference(b"a", Row(b"a", "value", b"1", clock(1)), None)
    assert difference_lines([lost, *fillers]) == (
        "1 key differs",
        ('"a": expected "1", found nothing', "and 312 keys that filled the device"),
    )
    assert difference_lines(fillers[:1]) == (
        "no key differs but those that filled the device",
        ("and 1 key that filled the device",),
    )
    many = [Difference(b"%d" % number, None, None) for number in range(DIFFERENCES_MAX + 2)]
    words, lines = difference_lines([*fillers, *many])
    assert words == f"{DIFFERENCES_MAX + 2} keys differ"
    assert lines[DIFFERENCES_MAX:] == ("and 2 more", "and 312 keys that filled the device")
    expected = Difference(fillers[0].key, lost.expected, None)  # a key of the run's own
    assert difference_lines([expected])[0] == "1 key differs"
