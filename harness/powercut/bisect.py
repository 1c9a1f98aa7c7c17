# SPDX-License-Identifier: ISC
"""Which of several engine builds, in order, is the first that fails a trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from powercut.errors import PowercutError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one build did. ``state``: holds, fails or unusable; ``words``: the kind of violation, or why it
    could not be run."""

    state: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Bisection:
    """``first``: the number of the first build that fails; None: there is none to be found, and ``words``
    says why. ``last_good``: the build before it that holds. ``between``: builds between the two that could
    not be run. ``outcomes``: by number, of those that were tried."""

    first: int | None
    last_good: int | None
    between: tuple[int, ...]
    outcomes: dict[int, Outcome]
    words: str


def bisect(count: int, ask: Callable[[int], Outcome]) -> Bisection:
    """Looks for the first of ``count`` builds that fails, taking it that from there on all do.

    The first and the last that can be run are tried before that is taken for granted. Raises PowercutError
    where none can be run.
    """
    search = _Search(count, ask)
    low = search.usable(range(count))
    high = search.usable(range(count - 1, -1, -1))
    if low is None or high is None:
        raise PowercutError(f"None of the engines could run the trace; the first: {search.first_refusal()}.")
    if search.state(high) == "holds":
        which = "the last one" if high == count - 1 else "the last one that could be run"
        words = f"{which} holds: there the trace no longer fails"
        return search.result(None, high, words)
    if search.state(low) == "fails":
        words = "the first one fails already: an older one is needed to tell since when"
        return search.result(None, None, words)
    while True:
        middle = search.usable(_from_the_middle(low, high))
        if middle is None:
            return search.result(high, low, "found")
        if search.state(middle) == "fails":
            high = middle
        else:
            low = middle


def _from_the_middle(low: int, high: int) -> Sequence[int]:
    """The numbers between two, those in the middle first."""
    middle = (low + high) // 2
    return sorted(range(low + 1, high), key=lambda number: (abs(number - middle), number))


class _Search:
    """Asks each build once at most."""

    def __init__(self, count: int, ask: Callable[[int], Outcome]) -> None:
        self._count = count
        self._ask = ask
        self.outcomes: dict[int, Outcome] = {}

    def state(self, number: int) -> str:
        if number not in self.outcomes:
            self.outcomes[number] = self._ask(number)
        return self.outcomes[number].state

    def usable(self, numbers: Sequence[int]) -> int | None:
        """The first of them that can be run."""
        return next((number for number in numbers if self.state(number) != "unusable"), None)

    def first_refusal(self) -> str:
        return self.outcomes[0].words if self.outcomes else "there is none"

    def result(self, first: int | None, last_good: int | None, words: str) -> Bisection:
        between: tuple[int, ...] = ()
        if first is not None and last_good is not None:
            between = tuple(range(last_good + 1, first))
        return Bisection(first, last_good, between, self.outcomes, words)
