# SPDX-License-Identifier: ISC
"""Bisecting builds: the ends are tried, what cannot be run is left out and told, each is asked once."""

from __future__ import annotations

import pytest

from powercut.bisect import Bisection, Outcome, bisect
from powercut.errors import PowercutError


def searched(builds: str) -> tuple[Bisection, list[int]]:
    """``+`` holds, ``-`` fails, ``?`` cannot be run; with the numbers that were asked."""
    asked: list[int] = []
    states = {"+": "holds", "-": "fails", "?": "unusable"}

    def ask(number: int) -> Outcome:
        asked.append(number)
        return Outcome(states[builds[number]], "why" if builds[number] == "?" else "")

    return bisect(len(builds), ask), asked


@pytest.mark.parametrize(
    ("builds", "first", "good", "between"),
    [
        ("+-", 1, 0, ()),
        ("+++++---", 5, 4, ()),
        ("+-------", 1, 0, ()),
        ("+++++++-", 7, 6, ()),
        ("+?-", 2, 0, (1,)),
        ("++???--", 5, 1, (2, 3, 4)),
        ("?+?-?", 3, 1, (2,)),
        ("+?????-", 6, 0, (1, 2, 3, 4, 5)),
    ],
)
def test_the_first_that_fails_is_found(builds: str, first: int, good: int, between: tuple[int, ...]) -> None:
    found, asked = searched(builds)
    assert (found.first, found.last_good, found.between) == (first, good, between)
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize(
    ("builds", "words"),
    [
        ("+++", "the last one holds"),
        ("---", "fails already"),
        ("-", "fails already"),
        ("+", "holds"),
        ("?-+", "the last one holds"),
        ("++?", "the last one that could be run holds"),
    ],
)
def test_where_there_is_none_to_be_found_it_is_told_why(builds: str, words: str) -> None:
    found, _ = searched(builds)
    assert found.first is None
    assert words in found.words


def test_of_many_builds_few_are_asked() -> None:
    found, asked = searched("+" * 700 + "-" * 300)
    assert found.first == 700
    assert len(asked) <= 12


def test_where_none_can_be_run_the_first_reason_is_told() -> None:
    with pytest.raises(PowercutError, match="None of the engines could run the trace; the first: why"):
        searched("???")
