# SPDX-License-Identifier: ISC
"""One crash state by name: where the power went, what was lost, what arrived in part.

docs/faults.md says what each kind means; ``struct pc_fault`` of powercut.h is the same in C.
"""

from __future__ import annotations

from dataclasses import dataclass

#: The kinds of crash state.
KINDS = ("prefix", "torn", "reorder", "nested", "damage", "full")

#: What can be found: ``enum pc_violation_kind``, what needs no power cut, and how a process can end.
VIOLATIONS = (
    "answer",
    "no_space",
    "mount",
    "read",
    "content",
    "second_mount",
    "write",
    "lost_write",
    "check",
    "reader",
    "full",
    "resume",
    "overwrite",
    "crash",
    "hang",
)

#: How a prog or an erase can arrive in part: ``enum pc_tear``, from 1.
TEARS = (
    "bytes",
    "first",
    "last",
    "mask",
    "without",
    "only",
    "some",
    "half",
    "bits",
    "some_bits",
    "zero",
    "zero_one",
    "garbage",
    "garbage_one",
    "mix",
)

#: What can be wrong with a device that was closed cleanly: ``enum pc_damage_kind``, from 1.
DAMAGES = (
    "flip",
    "zero",
    "fill",
    "garbage",
    "stale",
    "read_fails",
    "prog_fails",
    "erase_fails",
    "prog_nothing",
    "erase_nothing",
)

#: Kinds of crash state whose recovery is cut for nested ones.
PARENTS = frozenset({"prefix", "torn", "reorder", "full"})

#: Events before a cut that can still be lost.
WINDOW = 64

#: Cuts in a row: of the run, and of three recoveries.
CUTS_MAX = 4

#: Operations with which a run goes on after a recovery.
RESUME_MAX = 64


@dataclass(frozen=True, slots=True)
class Tear:
    """How one event arrived in part. ``unit``: bytes in a unit; ``a``, ``b``: see ``enum pc_tear``.

    ``back``: which event: 0 is the one that was under way, i > 0 the i-th before the cut.
    """

    kind: str
    unit: int = 1
    a: int = 0
    b: int = 0
    back: int = 0


@dataclass(frozen=True, slots=True)
class Cut:
    """A power cut after ``at`` device events, of which those numbered ``lost`` (ascending) did not arrive."""

    at: int
    lost: tuple[int, ...] = ()
    tear: Tear | None = None


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with one block; ``off`` and ``size`` in bytes, the rest as in ``struct pc_damage``."""

    kind: str
    block: int = 0
    off: int = 0
    size: int = 0
    value: int = 0
    event: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """One crash state. ``model``: the device model that allows it; empty where every device does.

    ``full``: the only cut's ``at`` is the number of operations before the device was filled up.
    """

    kind: str
    cuts: tuple[Cut, ...]
    damage: Damage | None = None
    model: str = ""

    @property
    def state(self) -> int:
        """The device events before the first cut."""
        return self.cuts[0].at


def prefix(state: int) -> Fault:
    """The cut after the first ``state`` events, each of them whole."""
    return Fault("prefix", (Cut(state),))


@dataclass(frozen=True, slots=True)
class Failing:
    """A device call that fails once while a run is recorded: ``enum pc_fail``.

    ``kind``: read, prog, erase, sync, prog_bad or erase_bad. ``at``: which of the calls of that kind, from 0,
    from mount on. ``done``: a prog or an erase reaches the medium all the same.
    """

    kind: str
    at: int
    done: bool = False
