# SPDX-License-Identifier: ISC
"""The kinds of crash state that a search did not look at, and what would make it: silence proves nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from powercut.counts import Count, Counts
from powercut.fault import KINDS, PARENTS

#: Kinds whose states are those of a device model.
OF_MODELS = ("torn", "reorder")

#: Why kinds were not looked at: nobody asked for them; the engine claims no device model and none was named;
#: the device models at hand allow no state of them on these devices; it is not known what would be right.
NOT_ASKED, NO_MODEL, NONE_ALLOWED, NOT_JUDGED = REASONS = (
    "not_asked",
    "no_model",
    "none_allowed",
    "not_judged",
)

_NOT_FULL: Final = (
    "full; a full device is not judged where several stores may be left (an engine that is durable on sync "
    "alone, a device call that failed) or names are shorter than 20 bytes"
)

_TITLE: Final = "not looked at: "


@dataclass(frozen=True, slots=True)
class Unseen:
    """Kinds that were not looked at. why: one of REASONS; words: kinds and reason, for people."""

    kinds: tuple[str, ...]
    why: str
    words: str

    @property
    def line(self) -> str:
        """For the terminal."""
        return _TITLE + self.words

    def fields(self) -> dict[str, object]:
        """For JSON."""
        return {"kinds": list(self.kinds), "why": self.why, "words": self.words}


def unseen_kinds(
    counts: Counts, asked: Collection[str], models: Sequence[str], engine: str, option: str = "--model"
) -> list[Unseen]:
    """What was not looked at, one for each reason, for `powercut run` and its like.

    ``asked``, ``models``: the kinds and device models that were to be looked at; ``engine``: its name;
    ``option``: the one that names models."""
    seen = {kind for _, kind in counts}
    left_out = tuple(kind for kind in KINDS if kind not in asked and kind not in seen)
    made = []
    if left_out:
        made.append(Unseen(left_out, NOT_ASKED, f"{', '.join(left_out)}; --kinds all asks for every kind"))
    without = without_model(counts, asked, models, engine, option)
    made += [] if without is None else [without]
    if "full" in asked and not counts.get(("", "full"), Count()).total:
        made.append(Unseen(("full",), NOT_JUDGED, _NOT_FULL))
    return made


def without_model(
    counts: Counts, asked: Collection[str], models: Sequence[str], engine: str, option: str
) -> Unseen | None:
    """Which of the kinds asked for had no state for want of a device model that allows one, and why."""
    seen = {kind for _, kind in counts}
    kinds = tuple(kind for kind in OF_MODELS if kind in asked and kind not in seen)
    if not kinds:
        return None
    if "nested" in asked and not seen & PARENTS:
        kinds += ("nested",)  # there is no recovery to cut
    names = ", ".join(kinds)
    if not models:
        return Unseen(kinds, NO_MODEL, f"{names}; {no_model(engine, option)}")
    return Unseen(kinds, NONE_ALLOWED, f"{names}; {', '.join(models)} and these devices allow none")


def no_model(engine: str, option: str) -> str:
    """Why an engine's run has no state of a device model, and what would give it some."""
    return f"{engine} claims to survive no device model: {option} names one, or all"
