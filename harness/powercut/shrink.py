# SPDX-License-Identifier: ISC
"""Makes a violation small: fewer operations, smaller values, shorter keys, smaller device, earliest cut.

Deterministic: the same trace, engine and budget give the same small trace. What must survive is the kind of
the first violation, not its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.fault import prefix
from powercut.judge import Violation
from powercut.ops import Generated, Literal, Op, segments
from powercut.run import RunOptions, Verdict, run_trace
from powercut.trace import EngineRef, Expectation, Trace
from powercut.vocabulary import Profile, boundary_sizes

#: Work that one minimisation may do, in crash states recovered and operations run.
BUDGET = 400_000

Judge = Callable[[Trace], Violation | None]


def first_violation(verdict: Verdict) -> Violation | None:
    """The violation that a verdict is known by: the first crash state's, else the first wrong answer."""
    cuts = [one for one in verdict.violations if one.state is not None]
    return min(cuts, key=lambda one: one.state or 0) if cuts else next(iter(verdict.violations), None)


@dataclass(slots=True)
class Meter:
    """Runs candidates on an engine, or by another judge, until the budget is spent."""

    engine: Engine
    budget: int = BUDGET
    judge: Judge | None = None

    def __call__(self, trace: Trace) -> Violation | None:
        """The first violation of the trace; None where it holds or cannot be run."""
        if self.judge is not None:
            self.budget -= 1000
            return self.judge(trace)
        try:
            verdict = run_trace(trace, self.engine, RunOptions(violations_max=1, words=False))
        except PowercutError:
            self.budget -= 100
            return None
        self.budget -= verdict.checked + 4 * verdict.operations + 20
        return first_violation(verdict)

    @property
    def spent(self) -> bool:
        """Whether no more candidates are to be tried."""
        return self.budget <= 0


class Shrinker:
    """Holds the smallest trace so far that still breaks the same promise."""

    def __init__(self, trace: Trace, kind: str, meter: Meter) -> None:
        self.best = replace(trace, fault=None)
        self.kind = kind
        self._meter = meter
        self.violation: Violation | None = None

    def still(self, candidate: Trace) -> bool:
        """Whether the candidate shows the same kind of violation; then it is the best so far."""
        if self._meter.spent or candidate == self.best:
            return False
        violation = self._meter(candidate)
        if violation is None or violation.kind != self.kind:
            return False
        self.best, self.violation = candidate, violation
        return True

    def run(self) -> Trace:
        """Passes over the trace until nothing gets smaller or the budget is spent."""
        self._cut_tail(self._meter(self.best))
        while not self._meter.spent:
            before = self.best
            self._drop_operations()
            self._shrink_values()
            self._shorten_keys()
            self._shrink_device()
            if self.best == before:
                break
        return self.best

    def _with(self, operations: Sequence[Op]) -> Trace:
        return replace(self.best, operations=tuple(operations))

    def _cut_tail(self, violation: Violation | None) -> None:
        """Leaves out what comes after the operation that was under way."""
        if violation is not None and violation.op is not None:
            self.still(self._with(self.best.operations[: violation.op + 1]))

    def _drop_operations(self) -> None:
        """Halves, quarters, … single operations, from the end."""
        size = max(len(self.best.operations) // 2, 1)
        while not self._meter.spent:
            at = len(self.best.operations) - size
            while at > -size and not self._meter.spent:
                operations = self.best.operations
                self.still(self._with(operations[: max(at, 0)] + operations[at + size :]))
                at -= size
            if size == 1:
                break
            size //= 2

    def _shrink_values(self) -> None:
        for index in range(len(self.best.operations)):
            for op in _simpler(self.best, index):
                if self.still(self._with(_replaced(self.best.operations, index, op))):
                    break

    def _shorten_keys(self) -> None:
        """Shorter names, the same one everywhere, and dictionaries less."""
        for name in sorted(_names(self.best.operations), key=lambda name: (-len(name), name)):
            taken = _names(self.best.operations)
            if not any(self.still(self._renamed(name, short)) for short in _shorter(name, taken)):
                self.still(self._with([_without(op, name) for op in self.best.operations]))

    def _renamed(self, old: bytes, new: bytes) -> Trace:
        return self._with([_renamed(op, old, new) for op in self.best.operations])

    def _shrink_device(self) -> None:
        """Half the blocks, as long as that is enough; no image, where none is needed."""
        if self.best.image is not None:
            self.still(replace(self.best, image=None))
        while self.best.image is None and self.best.geometry.block_count >= 8:
            geometry = self.best.geometry
            smaller = replace(geometry, block_count=geometry.block_count // 2)
            if not self.still(replace(self.best, geometry=smaller)):
                break


def _replaced(operations: Sequence[Op], index: int, op: Op) -> list[Op]:
    return [*operations[:index], op, *operations[index + 1 :]]


def _simpler(trace: Trace, index: int) -> Iterator[Op]:
    """Operation ``index`` with smaller numbers, the smallest first."""
    op = trace.operations[index]
    if op.kind == "set_partial":
        yield Op("set", op.key, value=op.value)
    yield from (replace(op, off=small) for small in (0, 1, op.off // 2) if small < op.off)
    yield from (replace(op, length=small) for small in (0, 1, op.length // 2) if small < op.length)
    if op.value is None:
        return
    length = op.value.length
    texts = [Literal(b""), Literal(b"%d" % index)]
    yield from (replace(op, value=text) for text in texts if (text.length, 0) < (length, _plain(op)))
    lengths = sorted({length // 2, length - 1, *_edges(trace)})
    for small in (small for small in lengths if 8 < small < length):
        yield replace(op, value=Generated(index, small))
    if isinstance(op.value, Generated) and op.value.seed != index:
        yield replace(op, value=Generated(index, length))
    if isinstance(op.value, Literal) and length > 64:
        yield replace(op, value=Generated(index, length))


def _plain(op: Op) -> int:
    """0 for the text that values end as, else 1."""
    return int(not (isinstance(op.value, Literal) and op.value.data.isdigit()))


def _edges(trace: Trace) -> tuple[int, ...]:
    return boundary_sizes(Profile(trace.geometry))


def _names(operations: Sequence[Op]) -> set[bytes]:
    return {name for op in operations for key in (op.key, op.target) for name in segments(key)}


def _shorter(name: bytes, taken: set[bytes]) -> Iterator[bytes]:
    """Names to try in its place: a free letter, then the same letter at some shorter length."""
    if len(name) > 1:
        letters = (bytes([letter]) for letter in b"abcdefghijklmnopqrstuvwxyz")
        free = next((letter for letter in letters if letter not in taken), None)
        if free is not None:
            yield free
            yield from (free * length for length in (len(name) // 4, len(name) // 2) if length > 1)


def _renamed(op: Op, old: bytes, new: bytes) -> Op:
    def change(key: bytes) -> bytes:
        return b"/".join(new if part == old else part for part in segments(key))

    return replace(op, key=change(op.key), target=change(op.target))


def _without(op: Op, name: bytes) -> Op:
    """The operation with a dictionary on the way left out."""

    def change(key: bytes) -> bytes:
        *way, last = segments(key) or [b""]
        return b"/".join([part for part in way if part != name] + [last])

    return replace(op, key=change(op.key), target=change(op.target))


def shrink(trace: Trace, engine: Engine, budget: int = BUDGET, judge: Judge | None = None) -> Trace:
    """The smallest trace found that breaks the same promise, its expectation and earliest cut filled in.

    ``judge``: runs a candidate in another way than on ``engine`` in this process. Answers the trace itself,
    expectation filled in, where it does not violate.
    """
    meter = Meter(engine, budget, judge)
    first = meter(trace)
    if first is None:
        return trace
    shrinker = Shrinker(trace, first.kind, meter)
    small = shrinker.run()
    if judge is not None:
        return expecting(small, engine, shrinker.violation or first)
    verdict = run_trace(small, engine, RunOptions(violations_max=1))
    return expecting(small, engine, first_violation(verdict) or first)


def expecting(trace: Trace, engine: Engine, violation: Violation) -> Trace:
    """The trace with the violation as what is expected of this engine, and its crash state as the fault."""
    words, fault = words_of(violation), violation.fault
    if fault is None and violation.state is not None:
        fault = prefix(violation.state)
    return replace(
        trace,
        engine=EngineRef(engine.name, engine.version, trace.engine.options),
        fault=fault,
        expect=Expectation(
            "violation", violation.kind, violation.state, words, violation.code, violation.claimed
        ),
    )


def words_of(violation: Violation) -> str:
    """The violation and the keys that differ, in one text."""
    return " ".join([violation.words, *(f"{line}." for line in violation.differences)])
