# SPDX-License-Identifier: ISC
"""Changes that help only together: two operations less, one path in place of another, one operation less and
a name that fills what it filled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, combinations

from powercut.ops import Literal, Op, segments
from powercut.shrink.candidates import names, renamed, replaced
from powercut.trace import Trace

Ops = Sequence[Op]

#: Operations of which every two, and every three, are tried to be left out together.
PAIRS_MAX, TRIPLES_MAX = 24, 9

#: Bytes by which a name grows in place of an operation, in units of what the device programs at once.
_GROWTH = (1, 2, 3, 4, 5, 6, 8, 10, 13)

#: The least of such units, in bytes, and the longest name that is tried.
_UNIT_MIN, _NAME_MAX = 16, 255


def weight(trace: Trace) -> tuple[int, int, int]:
    """Orders traces: operations, bytes of keys and values, what is asked for."""
    size = sum(len(op.key) + len(op.target) + (op.value.length if op.value else 0) for op in trace.operations)
    return len(trace.operations), size, sum(op.off + op.length for op in trace.operations)


def joint(trace: Trace) -> Iterator[Ops]:
    """Lists of operations to try, each of which weighs less than the trace's; the quickest wins first."""
    operations = trace.operations
    tries = chain(
        unmoved(operations),
        plainer(operations),
        fewer(operations, 2, PAIRS_MAX),
        one_path(operations),
        fuller(trace),
        few(operations),
        fewer(operations, 3, TRIPLES_MAX),
    )
    most = weight(trace)
    return (ops for ops in tries if weight(replace(trace, operations=tuple(ops))) < most)


def alone(operations: Ops) -> Iterator[Ops]:
    """One operation, or one and the last; of those that look alike the latest."""
    if len(operations) > 2:
        *before, last = operations
        there = list({_look(op): op for op in before}.values())[::-1]
        yield from ([op] for op in there)
        yield from ([op, last] for op in there)


def _look(op: Op) -> tuple[object, ...]:
    size = op.value.length if op.value else 0
    return op.kind, len(op.key), len(op.target), op.off, op.length, size


def few(operations: Ops) -> Iterator[Ops]:
    """One operation before the last, then two."""
    for count in (1, 2):
        if count + 1 < len(operations) <= PAIRS_MAX:
            *before, last = operations
            yield from ([*kept, last] for kept in combinations(before, count))


def fewer(operations: Ops, count: int, most: int) -> Iterator[Ops]:
    """So many operations less, each such set of them, where there are ``most`` at most."""
    if count < len(operations) <= most:
        for gone in combinations(reversed(range(len(operations))), count):
            yield [op for index, op in enumerate(operations) if index not in gone]


def unmoved(operations: Ops) -> Iterator[Ops]:
    """A rename less: what it moves has been there before, or stays where it was."""
    for index, op in enumerate(operations):
        if op.kind == "rename":
            before, after = operations[:index], operations[index + 1 :]
            yield [*(moved(one, op.key, op.target) for one in before), *after]
            yield [*before, *(moved(one, op.target, op.key) for one in after)]


def plainer(operations: Ops) -> Iterator[Ops]:
    """An operation in place of another that does more."""
    for index, op in enumerate(operations):
        if op.kind == "rename":
            yield replaced(operations, index, Op("remove", op.key))
            yield replaced(operations, index, Op("set", op.target, value=Literal(b"")))
        if op.kind == "allocate":
            yield replaced(operations, index, Op("set", op.key, value=Literal(b"")))


def one_path(operations: Ops) -> Iterator[Ops]:
    """A path in place of another, and of all that is below it."""
    paths = sorted(_paths(operations), key=lambda path: (len(path), path))
    for old in reversed(paths):
        for new in paths:
            if (len(new), new) < (len(old), old):
                yield [moved(op, old, new) for op in operations]


def fuller(trace: Trace) -> Iterator[Ops]:
    """An operation less, and a name that is longer for it, as long as what the device programs at once."""
    unit = max(trace.geometry.prog_size, _UNIT_MIN)
    operations = trace.operations
    for index in reversed(range(len(operations))):
        rest = [*operations[:index], *operations[index + 1 :]]
        there = names(rest)
        for name in sorted(there):
            for growth in _GROWTH:
                longer = name + name[-1:] * growth * unit
                if len(longer) <= _NAME_MAX and longer not in there:
                    yield [renamed(op, name, longer) for op in rest]


def moved(op: Op, old: bytes, new: bytes) -> Op:
    """The operation with a path changed where it is the key's, or on its way."""
    return replace(op, key=_changed(op.key, old, new), target=_changed(op.target, old, new))


def _changed(key: bytes, old: bytes, new: bytes) -> bytes:
    if key == old:
        return new
    return new + key[len(old) :] if key.startswith(old + b"/") else key


def _paths(operations: Ops) -> set[bytes]:
    keys = {key for op in operations for key in (op.key, op.target)}
    parts = [segments(key) for key in keys]
    return {b"/".join(path[: depth + 1]) for path in parts for depth in range(len(path))}
