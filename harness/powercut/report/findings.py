# SPDX-License-Identifier: ISC
"""What a campaign found, grouped by cause: failures that tell of the same mistake are one finding."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from powercut.campaign import Failure, failure_kind
from powercut.judge import Violation
from powercut.report.words import HEADLINES
from powercut.save import Saved

_SIDES: Final = re.compile(r'^"(?P<key>.*)": expected (?P<expected>.*), found (?P<found>.*)$', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Finding:
    """Failures of one cause. ``title``: the kind as a headline; ``cause``: what they have in common;
    ``traces``: their numbers; ``words`` and ``differences``: of the first, made small where it was;
    ``operations``: of that one; ``saved``: where it is, None: nowhere, and ``problem`` may say why."""

    kind: str
    title: str
    cause: str
    traces: tuple[int, ...]
    words: str
    differences: tuple[str, ...]
    operations: int
    saved: str | None
    problem: str


def group(failures: Sequence[Failure], saved: Sequence[Saved]) -> tuple[Finding, ...]:
    """The findings, the most frequent first; of equally many the one that came first."""
    groups: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures:
        groups.setdefault((failure_kind(failure), cause(failure)), []).append(failure)
    found = [_finding(kind, what, members, saved) for (kind, what), members in groups.items()]
    return tuple(sorted(found, key=lambda one: (-len(one.traces), one.traces)))


def cause(failure: Failure) -> str:
    """What other failures of the same mistake have in common with this one: the engine's answer, the kind of
    operation, the kind of crash state, and what the first key that differs is instead of what."""
    violation = first_of_kind(failure)
    parts = [
        _operation(failure, violation),
        _crash_state(violation),
        _code(violation),
        *_difference(violation),
    ]
    return ", ".join(part for part in parts if part)


def first_of_kind(failure: Failure) -> Violation:
    """The violation that the failure is known by."""
    kind = failure_kind(failure)
    return next(one for one in failure.violations if one.kind == kind)


def _operation(failure: Failure, violation: Violation) -> str:
    if violation.op is None:
        return "between two operations" if violation.state is not None else ""
    when = "in" if violation.state is not None else "of"
    return f"{when} a {failure.trace.operations[violation.op].kind}"


def _crash_state(violation: Violation) -> str:
    """What kind it is, where it is more than a cut between two events; and whose device."""
    if violation.fault is None or violation.fault.kind == "prefix":
        return ""
    on = f" on {violation.model}" if violation.model else ""
    damage = violation.fault.damage
    return f"{violation.fault.kind}{on}" if damage is None else f"damage ({damage.kind.replace('_', ' ')})"


def _code(violation: Violation) -> str:
    return f"answer {violation.code}" if violation.code not in ("", "OK") else ""


def _difference(violation: Violation) -> list[str]:
    sides = next((found for found in map(_SIDES.match, violation.differences) if found), None)
    if sides is None:
        return []
    return [f"{_shape(sides['found'])} in place of {_shape(sides['expected'])}"]


def _shape(row: str) -> str:
    return row if row in ("nothing", "a dictionary") else "a value"


def _finding(kind: str, what: str, members: Sequence[Failure], saved: Sequence[Saved]) -> Finding:
    numbers = tuple(failure.index for failure in members)
    kept = next((one for one in saved if one.index in numbers), None)
    first = first_of_kind(members[0])
    words, differences, operations = first.words, first.differences, len(members[0].trace.operations)
    if kept is not None and kept.trace.expect.words:
        words, differences, operations = kept.trace.expect.words, (), len(kept.trace.operations)
    return Finding(
        kind=kind,
        title=HEADLINES.get(kind, kind),
        cause=what,
        traces=numbers,
        words=words,
        differences=differences,
        operations=operations,
        saved=None if kept is None or kept.path is None else str(kept.path),
        problem="" if kept is None else kept.problem,
    )
