# SPDX-License-Identifier: ISC
"""A trace in words, and in what two traces differ."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass

from powercut.counts import how_many
from powercut.fault import Failing, Fault
from powercut.faultfile import Explore, Model, model_name
from powercut.faultwords import fault_words
from powercut.ops import op_text
from powercut.trace import EngineOptions, Expectation, Trace


@dataclass(frozen=True, slots=True)
class Change:
    """Something that two traces say differently; ``before``, ``after``: a line each, or several."""

    what: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def facts(trace: Trace) -> dict[str, str]:
    """Everything that a trace says but its operations, by what it is about, in words."""
    expect = trace.expect
    found = {
        "note": trace.note,
        "engine": f"{trace.engine.name} {trace.engine.version}".strip(),
        "options": _options(trace.engine.options),
        "device": str(trace.geometry),
        "starts from": _image(trace),
        "failing call": "" if trace.failing is None else failing_words(trace.failing),
        "device models": "; ".join(_model(model) for model in trace.models),
        "crash state": "all that are explored" if trace.fault is None else _fault(trace.fault),
        "explored": explore_words(trace.explore),
        "expected": expectation_words(expect),
        "words": expect.words,
        "why": expect.why,
        "needs": " ".join(expect.needs),
    }
    return {what: text for what, text in found.items() if text}


def _options(options: EngineOptions) -> str:
    named = [
        (options.name_max, f"names of up to {options.name_max} bytes"),
        (options.disk_minor, f"minor version {options.disk_minor - 1} of the format"),
        (options.value_checks, "checksums over values"),
    ]
    return ", ".join(text for given, text in named if given)


def _image(trace: Trace) -> str:
    if trace.image is None:
        return "a fresh store"
    return f"an image of {len(trace.image)} bytes (sha256 {hashlib.sha256(trace.image).hexdigest()[:12]})"


def _fault(fault: Fault) -> str:
    total = max((cut.at for cut in fault.cuts[:1]), default=0)
    return f"{fault.kind}: {fault_words(fault, total).replace(f' of {total}', '', 1)}"


def failing_words(failing: Failing) -> str:
    """``prog call 3 from the mount on answers IO, and is done all the same``."""
    bad = failing.kind.endswith("_bad")
    answer = "BAD_BLOCK, and so does that block from then on" if bad else "IO"
    done = ", and is done all the same" if failing.done else ""
    return (
        f"{failing.kind.removesuffix('_bad')} call {failing.at + 1} from the mount on answers {answer}{done}"
    )


def _model(model: Model) -> str:
    if isinstance(model, str):
        return model
    units = f"{model.prog_unit or 'the prog size'} and {model.erase_unit or 'a block'}"
    tears = f"tears {_list(model.prog_tears)} and {_list(model.erase_tears)}"
    more = f"{'reorders' if model.reorders else 'in order'}, {'' if model.overwrites else 'no '}overwrites"
    return f"{model_name(model)} (units of {units}, {tears}, {more})"


def _list(names: tuple[str, ...]) -> str:
    return "/".join(names) or "nothing"


def explore_words(explore: Explore) -> str:
    """``prefix, torn, nested to depth 2 (prefix), 8 samples of seed 1``."""
    parts = []
    for kind in explore.kinds:
        if kind == "nested":
            parts.append(f"nested to depth {explore.depth} ({', '.join(explore.nested or ('prefix',))})")
        else:
            parts.append(kind)
    if explore.resume:
        parts.append(f"going on for {how_many(explore.resume, 'operation')} after each recovery")
    if explore.samples:
        parts.append(f"{explore.samples} samples of seed {explore.seed}")
    if explore.reader:
        parts.append(f"read by {explore.reader} as well")
    return ", ".join(parts)


def expectation_words(expect: Expectation) -> str:
    """``violation (content)``, with what goes with it but its words."""
    if not expect.kind:
        return "held"
    code = f", {expect.code}" if expect.code not in ("", "OK") else ""
    claimed = "" if expect.claimed else ", which the engine does not claim to survive"
    limits = "".join(
        [
            f", {expect.state_seconds:g} seconds for a state" if expect.state_seconds else "",
            f", {expect.state_memory} MiB for a state" if expect.state_memory else "",
        ]
    )
    return f"violation ({expect.kind}{code}){claimed}{limits}"


def differences(before: Trace, after: Trace) -> list[Change]:
    """In what two traces differ, field by field, and the operations as runs of lines."""
    old, new = facts(before), facts(after)
    names = dict.fromkeys([*old, *new])
    found = [
        Change(name, _lines(old.get(name)), _lines(new.get(name)))
        for name in names
        if old.get(name) != new.get(name)
    ]
    if before.image != after.image and old.get("starts from") == new.get("starts from"):
        found.append(Change("starts from", ("an image",), ("another image",)))
    return found + _operations(before, after)


def _lines(text: str | None) -> tuple[str, ...]:
    return () if text is None else (text,)


def _operations(before: Trace, after: Trace) -> list[Change]:
    # Equal operations are equal as values: their texts may leave something out.
    matcher = difflib.SequenceMatcher(None, before.operations, after.operations, autojunk=False)
    found = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            old = tuple(op_text(op) for op in before.operations[i1:i2])
            new = tuple(op_text(op) for op in after.operations[j1:j2])
            found.append(Change(_which(i1, i2, j1, j2), old, new))
    return found


def _which(i1: int, i2: int, j1: int, j2: int) -> str:
    def numbers(first: int, stop: int) -> str:
        return str(first) if stop == first + 1 else f"{first} to {stop - 1}"

    if i1 == i2:
        return f"operation {numbers(j1, j2)} is new"
    if j1 == j2:
        return f"operation {numbers(i1, i2)} is gone"
    return f"operation {numbers(i1, i2)}"
