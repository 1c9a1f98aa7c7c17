# SPDX-License-Identifier: ISC
"""What a campaign found, grouped by cause: failures that tell of the same mistake are one finding."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from powercut.campaign import Failure, failure_kind
from powercut.judge import Violation
from powercut.report.words import kind_headline
from powercut.save import Saved

_SIDES: Final = re.compile(r'^"(?P<key>.*)": expected (?P<expected>.*), found (?P<found>.*)$', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Finding:
    """Failures of one cause. ``kinds`` of violation that it shows as; ``title``: the first as a headline;
    ``cause``: what they have in common; ``traces``: their numbers; ``words`` and ``differences``: of the
    first, made small where it was; ``why`` that one fails, and what it ``needs``; ``operations``: of that
    one; ``saved``: where it is, None: nowhere, and ``problem`` may say why."""

    kinds: tuple[str, ...]
    title: str
    cause: str
    traces: tuple[int, ...]
    words: str
    differences: tuple[str, ...]
    why: str
    needs: tuple[str, ...]
    operations: int
    saved: str | None
    problem: str

    @property
    def kind(self) -> str:
        """The first of its kinds."""
        return self.kinds[0]


def group(
    failures: Sequence[Failure], saved: Sequence[Saved], causes: Mapping[int, str] = MappingProxyType({})
) -> tuple[Finding, ...]:
    """The findings, the most frequent first; of equally many the one that came first. ``causes``: by the
    number of a trace, for the first of each shape; see causes.py. Shapes of one cause are one finding."""
    groups: dict[object, list[Failure]] = {}
    told: dict[object, str] = {}
    for shape, members in shapes(failures).items():
        known = next((causes[one.index] for one in members if one.index in causes), "")
        key: object = known or shape
        groups.setdefault(key, []).extend(members)
        told[key] = known or shape[1]
    found = [_finding(told[key], members, saved) for key, members in groups.items()]
    return tuple(sorted(found, key=lambda one: (-len(one.traces), one.traces)))


def shapes(failures: Sequence[Failure]) -> dict[tuple[str, str], list[Failure]]:
    """The failures by (kind, what can be seen of their cause from outside)."""
    found: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures:
        found.setdefault((failure_kind(failure), cause(failure)), []).append(failure)
    return found


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


def _finding(what: str, members: list[Failure], saved: Sequence[Saved]) -> Finding:
    members = sorted(members, key=lambda one: one.index)
    numbers = tuple(failure.index for failure in members)
    kept = next((one for one in saved if one.index in numbers), None)
    first = first_of_kind(members[0])
    words, differences, operations = first.words, first.differences, len(members[0].trace.operations)
    why, needs, fault = "", tuple[str, ...](), first.fault
    kinds = [failure_kind(one) for one in members]
    if kept is not None and kept.trace.expect.words:
        expect = kept.trace.expect
        words, differences, operations = expect.words, (), len(kept.trace.operations)
        why, needs, kinds = expect.why, expect.needs, [expect.kind, *kinds]
        fault = kept.trace.fault
    return Finding(
        kinds=tuple(dict.fromkeys(kinds)),
        title=kind_headline(kinds[0], fault),
        cause=what,
        traces=numbers,
        words=words,
        differences=differences,
        why=why,
        needs=needs,
        operations=operations,
        saved=None if kept is None or kept.path is None else str(kept.path),
        problem="" if kept is None else kept.problem,
    )
