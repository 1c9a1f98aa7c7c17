# SPDX-License-Identifier: ISC
"""Single-omission experiments find which event must be there before which, on logs whose rule is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from fakestates import log
from powercut.fault import Cut, Tear
from powercut.omission import WHOLE, Log, Needs, Reason, needs_of, reason_of

Rule = Callable[[frozenset[int], frozenset[int]], bool]


def made(text: str, wrong: Rule, *, settled: int | None = None) -> Log:
    """A log of one operation, whose crash states are wrong by a rule; it has returned after ``settled``."""
    events = log(text)

    def fails(cuts: Sequence[Cut]) -> list[bool]:
        found = []
        for cut in cuts:
            torn = set() if cut.tear is None else {cut.at - cut.tear.back}
            there = frozenset(range(cut.at)) - set(cut.lost) - torn
            if cut.tear is not None and cut.tear.a == WHOLE:  # all of it, and the operation is under way
                there, torn = there | torn, set()
            found.append(wrong(there, frozenset(torn)))
        return found

    end = len(events) if settled is None else settled
    return Log(
        events, True, range(len(events)), fails, lambda state: state >= end, lambda state: state >= end
    )


def commit_needs_data(there: frozenset[int], _torn: frozenset[int]) -> bool:
    """Event 2 points at what events 0 and 1 wrote."""
    return 2 in there and not {0, 1} <= there


def test_a_missing_sync_shows_as_an_event_before_another() -> None:
    one = made("e9 p9 p2 p3", commit_needs_data)
    assert reason_of(one, Cut(3, (1,))) == Reason("order", (1,), 2)
    assert needs_of(one, reorders=True, tears=lambda _: []) == Needs(order=((0, 2), (1, 2)))


@dataclass(frozen=True)
class Promised:
    """From a state on, when an operation has returned, some events must be there."""

    state: int
    must: frozenset[int]

    def log(self, text: str) -> Log:
        """That log, cut."""

        def fails(cuts: Sequence[Cut]) -> list[bool]:
            return [one.at >= self.state and bool(self.must & set(one.lost)) for one in cuts]

        events = log(text)
        over = self.state.__le__
        return Log(events, True, range(len(events)), fails, over, over)


def test_where_either_of_two_is_enough_both_are_told() -> None:
    one = made("p8 p9 p2", lambda there, _: 2 in there and not {0, 1} & there)
    assert reason_of(one, Cut(3, (0, 1))) == Reason("order", (0, 1), 2)


def test_a_lost_event_that_does_not_matter_is_not_told() -> None:
    one = made("p8 p9 p2", lambda there, _: 2 in there and 1 not in there)
    assert reason_of(one, Cut(3, (0, 1))) == Reason("order", (1,), 2)


def test_a_sync_between_them_is_a_requirement_that_is_met() -> None:
    one = made("p8 p9 s p2", lambda there, _: 3 in there and not {0, 1} <= there)
    assert needs_of(one, reorders=True, tears=lambda _: []).order == ()


def test_a_device_that_keeps_the_order_meets_all_of_it() -> None:
    one = made("e9 p9 p2 p3", commit_needs_data)
    assert needs_of(one, reorders=False, tears=lambda _: []) == Needs()


def test_what_must_be_there_when_the_operation_returns_is_durable() -> None:
    rule = Promised(2, frozenset({0, 1}))
    one = rule.log("p9 p2 p3")
    assert reason_of(one, Cut(2, (1,))) == Reason("durable", (1,), 2)
    assert reason_of(one, Cut(3, (1,))) == Reason("durable", (1,), 2)
    assert needs_of(rule.log("p9 p2"), reorders=True, tears=lambda _: []).durable == (0, 1)


def test_a_commit_that_is_issued_before_its_data_is_late() -> None:
    one = made("p2 s p9", lambda there, _: 0 in there and 2 not in there)
    assert reason_of(one, Cut(1)) == Reason("late", (2,), 0)
    assert needs_of(one, reorders=False, tears=lambda _: []).together == ((0, 2),)


def test_where_a_commit_is_before_several_events_all_of_those_that_matter_are_told() -> None:
    one = made("p2 s p8 p7 p9", lambda there, _: 0 in there and not {2, 4} <= there)
    assert reason_of(one, Cut(1)) == Reason("late", (2, 4), 0)


# --- a half that counts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["p2 p3", "p2 p2"])
def test_a_half_that_counts_without_the_other_is_no_question_of_order_alone(text: str) -> None:
    one = made(text, lambda there, _: 0 in there and 1 not in there)
    assert reason_of(one, Cut(1)) == Reason("half", (1,), 0)
    assert needs_of(one, reorders=True, tears=lambda _: []) == Needs(together=((0, 1),))


def test_of_several_parts_all_are_told_that_the_one_that_counts_must_not_be_without() -> None:
    one = made("p2 e8 p8 p7 p9", lambda there, _: 0 in there and not {2, 4} <= there)
    assert reason_of(one, Cut(1)) == Reason("half", (2, 4), 0)


def test_an_erase_is_no_half_of_a_record_and_comes_too_early() -> None:
    one = made("e2 p3", lambda there, _: 0 in there and 1 not in there)
    assert reason_of(one, Cut(1)) == Reason("late", (1,), 0)


def test_two_halves_neither_of_which_may_be_alone_are_in_no_order_whichever_is_lost() -> None:
    one = made("p2 p3", lambda there, _: len(there) == 1)
    for cut in (Cut(1), Cut(2, (0,)), Cut(2, (1,))):
        assert reason_of(one, cut) == Reason("together", (0, 1))
    assert needs_of(one, reorders=True, tears=lambda _: []) == Needs(together=((0, 1),))


def test_a_lost_event_without_which_an_earlier_one_is_wrong_is_told_as_what_that_lacks() -> None:
    one = made("p2 p3 p4", lambda there, _: 0 in there and 1 not in there)
    for cut in (Cut(2, (1,)), Cut(3, (1,)), Cut(3, (1, 2))):
        assert reason_of(one, cut) == Reason("half", (1,), 0)


def test_what_is_wrong_on_the_way_to_a_later_event_is_no_question_of_a_sync_before_that() -> None:
    one = made("p2 p3 p4", lambda there, _: there in ({0}, {1, 2}))
    assert reason_of(one, Cut(3, (0,))) == Reason("half", (1,), 0)


def held_when_returned(wrong: Rule) -> Log:
    """Two events of an operation that has returned behind the second, and must be durable by then."""
    log = made("p2 p3", wrong, settled=2)

    def fails(cuts: Sequence[Cut]) -> list[bool]:
        return [
            wrong or (cut.at == 2 and bool(cut.lost))
            for cut, wrong in zip(cuts, log.fails(cuts), strict=True)
        ]

    return replace(log, fails=fails)


def test_whether_the_order_would_help_is_tried_before_the_operation_has_returned() -> None:
    either = held_when_returned(lambda there, _: len(there) == 1)
    assert reason_of(either, Cut(1)) == Reason("together", (0, 1))
    one = held_when_returned(lambda there, _: there == {0})
    assert reason_of(one, Cut(1)) == Reason("half", (1,), 0)


def test_an_erase_and_its_prog_are_one_change_and_two_writes() -> None:
    one = made("p1 e2 p2 p3", lambda there, _: 1 in there and 2 not in there)
    assert reason_of(one, Cut(2)) == Reason("together", (1, 2))


def test_a_store_that_nothing_mends_is_wrong_from_an_event_on() -> None:
    one = made("p1 p2 p3", lambda there, _: 1 in there, settled=9)
    assert reason_of(one, Cut(2)) == Reason("wrong", (), 1)


def test_a_store_that_is_wrong_once_all_is_there_is_no_question_of_order() -> None:
    one = made("p1 p2", lambda there, _: len(there) == 2, settled=2)
    assert reason_of(one, Cut(2)) == Reason("returned")


def test_a_torn_event_must_be_whole() -> None:
    tear = Tear("first", 16, 1)
    one = made("p1 p2", lambda _, torn: 1 in torn)
    assert reason_of(one, Cut(1, (), tear)) == Reason("whole", (), 1)
    needs = needs_of(one, reorders=False, tears=lambda number: [Cut(number, (), tear)])
    assert needs.whole == (1,)


def test_a_torn_event_before_the_cut_is_told_with_what_must_not_be_there_meanwhile() -> None:
    one = made("p1 p2 p3", lambda there, torn: 0 in torn and 1 in there)
    assert reason_of(one, Cut(3, (), Tear("first", 16, 1, back=3))) == Reason("whole", (1,), 0)


# --- a sentence that would not be true is not said ---------------------------------------------------------


def test_what_is_wrong_with_nothing_lost_is_no_question_of_a_missing_sync() -> None:
    one = made("p1 p2 p3 p4", lambda there, _: 1 in there, settled=9)
    assert reason_of(one, Cut(4, (2,))) == Reason("wrong", (), 1)
    assert needs_of(one, reorders=True, tears=lambda _: []) == Needs()


def test_what_is_wrong_with_the_torn_event_whole_or_missing_is_no_question_of_tearing() -> None:
    tear = Tear("first", 16, 1)
    whole = made("p1 p2 p3", lambda there, torn: 1 in there | torn, settled=9)
    assert reason_of(whole, Cut(1, (), tear)) == Reason("wrong", (), 1)
    missing = made("p1 p2 p3", lambda there, _: 1 in there and 0 not in there)
    assert reason_of(missing, Cut(2, (), Tear("first", 16, 1, back=2))) == Reason("order", (0,), 1)
    needs = needs_of(whole, reorders=False, tears=lambda number: [Cut(number, (), tear)])
    assert needs == Needs()


def test_a_state_that_has_been_wrong_for_long_is_told_by_the_event_that_made_it_so() -> None:
    one = made("p1 p2 p3 p4 p5", lambda there, _: 1 in there and 4 not in there)
    assert reason_of(one, Cut(4)) == reason_of(one, Cut(2)) == Reason("half", (4,), 1)


def test_what_is_wrong_the_other_way_round_as_well_is_one_change_of_several_writes() -> None:
    one = made("p1 p2 p3 p4 p5", lambda there, _: len({1, 3, 4} & there) in (1, 2), settled=9)
    assert reason_of(one, Cut(3)) == Reason("together", (1, 3, 4))
    assert needs_of(one, reorders=False, tears=lambda _: []).together == ((1, 4),)


def test_what_an_operation_writes_only_after_it_has_returned_is_told() -> None:
    events = log("p1 p2 p3")
    over = (1).__le__

    def fails(cuts: Sequence[Cut]) -> list[bool]:
        return [one.at >= 1 and (one.at < 2 or 1 in one.lost) for one in cuts]

    one = Log(events, True, range(1), fails, over, over)
    assert reason_of(one, Cut(1)) == Reason("durable", (1,), 1)


def test_a_device_that_is_wrong_from_the_start_is_not_put_down_to_an_event() -> None:
    one = made("p1 p2", lambda _there, _torn: True)
    assert reason_of(one, Cut(2)) == reason_of(one, Cut(1, (0,))) == Reason("start")


def test_what_comes_behind_a_lost_event_is_told_by_the_first_that_must_not_be_there_without_it() -> None:
    one = made("p1 p2 p3 p4", lambda there, _: 0 not in there and bool({2, 3} & there))
    assert reason_of(one, Cut(4, (0,))) == Reason("order", (0,), 2)
    assert needs_of(one, reorders=True, tears=lambda _: []).order == ((0, 2),)


def test_a_change_that_nothing_mends_is_not_called_one_of_several_writes() -> None:
    one = made("p1 p2 p3", lambda there, _: 1 in there)
    assert needs_of(one, reorders=False, tears=lambda _: []).together == ()


def test_an_event_after_the_cut_that_repairs_it_in_the_same_block_makes_one_change_of_two_writes() -> None:
    one = made("e2 p2 p3", lambda there, _: there == {0})
    assert reason_of(one, Cut(1)) == Reason("together", (0, 1))
    assert needs_of(one, reorders=False, tears=lambda _: []).together == ((0, 1),)


@pytest.mark.parametrize("count", [48, 49])
def test_a_long_operation_says_that_it_was_not_looked_at_as_a_whole(count: int) -> None:
    one = made(" ".join(["p1"] * count), lambda _there, _torn: False)
    assert needs_of(one, reorders=True, tears=lambda _: []).complete == (count <= 48)
