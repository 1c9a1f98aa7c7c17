# SPDX-License-Identifier: ISC
"""A violation in words: where the power went, what was under way, and what the SQL difference shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from powercut.counts import how_many
from powercut.engine import FILL_KEY, EngineRefusedError, Run
from powercut.explorer import Found
from powercut.fault import Fault
from powercut.faultwords import fault_words
from powercut.lastwords import ending
from powercut.nearest import finder, stores_words, without_probe
from powercut.ops import Op, data_text, key_text, op_text
from powercut.predict import Prediction, WrongAnswer
from powercut_models import Difference, Row

#: How many differing keys a violation lists.
DIFFERENCES_MAX = 8


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise.

    ``kind``: answer, no_space, overwrite (these without any cut: ``state`` is None), or one of the
    explorer's, crash or hang. ``state``: the device events before the first cut. ``op``: the operation that
    was under way or answered wrong, None between two. ``words``: one sentence. ``differences``: one line a
    key that differs from the nearest allowed store. ``fault``: the crash state. ``claimed``: whether the
    engine claims to survive it. ``reached``: of resume, how many operations the store should show.
    """

    kind: str
    state: int | None
    op: int | None
    code: str
    words: str
    differences: tuple[str, ...] = ()
    fault: Fault | None = None
    claimed: bool = True
    reached: int | None = None

    @property
    def model(self) -> str:
        """The device model that allows the crash state; empty: every device does."""
        return "" if self.fault is None else self.fault.model


def from_answer(wrong: WrongAnswer) -> Violation:
    """The violation behind an answer that the model does not give."""
    return Violation(wrong.kind, None, wrong.op, wrong.code, f"Without any power cut {wrong.words}.")


def from_state(run: Run, operations: Sequence[Op], prediction: Prediction, found: Found) -> Violation:
    """The violation behind a crash state that the explorer refused, told in words."""
    what, differences = _what(run, operations, prediction, found)
    words = f"{_where(run, operations, found.fault)}: {what}."
    return _violation(run, found, words, differences)


def brief(run: Run, found: Found) -> Violation:
    """The same without a second look at the crash state, for the many that follow the first of a kind."""
    words = f"{fault_words(found.fault, run.event_count)}: {found.kind}, {found.code}."
    return _violation(run, found, words)


def from_death(
    run: Run, operations: Sequence[Op], kind: str, how: str, fault: Fault, said: str = ""
) -> Violation:
    """The violation behind a crash state on which the engine ended its process, or did not come back."""
    what = (
        f"the engine ended its process: {ending(how, said)}"
        if kind == "crash"
        else f"the engine hangs: {how}"
    )
    words = f"{_where(run, operations, fault)}: {what}."
    return Violation(kind, fault.state, _under_way(run, fault), how, words, fault=fault)


def _violation(run: Run, found: Found, words: str, differences: tuple[str, ...] = ()) -> Violation:
    resumed = found.kind == "resume"
    op = found.op if resumed else _under_way(run, found.fault)
    reached = found.reached if resumed else None
    return Violation(
        found.kind, found.state, op, found.code, words, differences, found.fault, reached=reached
    )


def _under_way(run: Run, fault: Fault) -> int | None:
    done, in_flight = run.fault_position(fault)
    return done if in_flight else None


def _where(run: Run, operations: Sequence[Op], fault: Fault) -> str:
    """Which crash state: behind which device event, during or after which operation."""
    cut = fault_words(fault, run.event_count, lambda number: str(run.event(number)))
    done, in_flight = run.fault_position(fault)
    if fault.kind in ("damage", "full"):
        text = f" ({op_text(operations[done])})" if fault.kind == "full" and done < len(operations) else ""
        return cut + text
    if in_flight:
        return f"{cut}, during operation {done} ({op_text(operations[done])})"
    if done == 0:
        return f"{cut}, before any operation took effect"
    return f"{cut}, when operation {done - 1} ({op_text(operations[done - 1])}) had returned"


def _what(
    run: Run, operations: Sequence[Op], prediction: Prediction, found: Found
) -> tuple[str, tuple[str, ...]]:
    """What is wrong there, and the differing keys where reading shows them."""
    texts = {
        "mount": f"the engine does not mount what is left, it answers {found.code}",
        "read": f"it mounts, but reading every entry answers {found.code}",
        "second_mount": "a second mount fails or reads something else than the first",
        "write": f"after the recovery a fresh set answers {found.code}",
        "lost_write": "after the recovery a fresh set returned OK, and one more mount does not show it, or "
        "shows something else changed with it",
        "reader": f"another engine, asked to read the same device, sees something else ({found.code})",
        "full": "an operation answers what it may not, or is neither done nor undone, or what was removed "
        f"leaves no room ({found.code})",
    }
    if found.kind == "content":
        return _content(run, prediction, found.fault)
    if found.kind == "resume":
        return _resumed(run, operations, found), ()
    if found.kind == "check":
        return f"the engine's own check finds something: {_check_text(run, found.fault)}", ()
    return texts.get(found.kind, f"{found.kind}, {found.code}"), ()


def _resumed(run: Run, operations: Sequence[Op], found: Found) -> str:
    """What is wrong with a run that went on after a recovery."""
    begin = "after the recovery and a fresh set the run went on"
    if found.op is None:
        told = "" if found.code == "OK" else f" ({found.code})"
        return f"{begin}, each operation answered as it should, and then the store holds something else{told}"
    name = f"operation {found.op} ({op_text(operations[found.op])})"
    before = run.code(found.op)
    if found.code == before:
        return f"{begin}, and {name} answers {found.code} with something else than it did in the run"
    return f"{begin}, and {name} answers {found.code}, where it answered {before} in the run"


def _check_text(run: Run, fault: Fault) -> str:
    try:
        return run.engine.check(run.fault_image(fault), run.geometry, run.options)
    except EngineRefusedError as error:
        return str(error)


def _content(run: Run, prediction: Prediction, fault: Fault) -> tuple[str, tuple[str, ...]]:
    """Which keys differ from the nearest store that the model allows."""
    try:
        rows = run.engine.entries(run.fault_image(fault), run.geometry, run.options)
    except EngineRefusedError as error:
        return f"it read something wrong once, and now {error}", ()
    shown = without_probe(rows) if len(fault.cuts) > 1 else rows
    nearest = finder(run, prediction, fault)(shown).differences
    stores = stores_words(run, prediction, fault)
    if not nearest and len(fault.cuts) > 1:
        when = "when the power went again"
        return f"the store is none that was right {when}, though it was one before: {stores}", ()
    keys, lines = difference_lines(nearest)
    return f"the store is not what it should be, {stores}: {keys}", lines


def difference_lines(found: Sequence[Difference]) -> tuple[str, tuple[str, ...]]:
    """How many keys differ, and a line each for the first of them. What filled the device up is counted."""
    told = [one for one in found if one.expected is not None or not one.key.startswith(FILL_KEY)]
    lines = [difference_text(one) for one in told[:DIFFERENCES_MAX]]
    if len(told) > DIFFERENCES_MAX:
        lines.append(f"and {len(told) - DIFFERENCES_MAX} more")
    fillers = len(found) - len(told)
    if fillers:
        lines.append(f"and {how_many(fillers, 'key')} that filled the device")
    if not told and fillers:
        return "no key differs but those that filled the device", tuple(lines)
    return "1 key differs" if len(told) == 1 else f"{len(told)} keys differ", tuple(lines)


def difference_text(one: Difference) -> str:
    """``"a/b": expected 3 bytes "abc", found nothing``."""
    expected, found = row_text(one.expected), row_text(one.found)
    if expected == found and one.expected is not None and one.found is not None:
        expected, found = f"{expected} of {one.expected.time}", f"{found} of {one.found.time}"
    return f'"{key_text(one.key)}": expected {expected}, found {found}'


def row_text(row: Row | None) -> str:
    """An entry in a few words."""
    if row is None:
        return "nothing"
    return "a dictionary" if row.data is None else data_text(row.data)
