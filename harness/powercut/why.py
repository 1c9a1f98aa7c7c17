# SPDX-License-Identifier: ISC
"""Why a crash state fails, in one sentence, and what its operation needs that no device gives it.

Found out by single-omission experiments: crash states that differ from the failing one in one event are built
and judged. A missing sync shows as two events, one of which must be there before the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from powercut.child import DiedError, in_child
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.eventwords import EventWords, operation_words
from powercut.explorer import Watch
from powercut.fault import Cut, Fault
from powercut.faultwords import damage_words, tear_words
from powercut.omission import EVENTS_MAX, Log, Needs, Reason, needs_of, plainest, reason_of
from powercut.run import device_models
from powercut.shrink import DEADLY
from powercut.shrink.faults import with_cuts
from powercut.states import Finding, RunStates
from powercut.trace import Trace

#: Ways to tear one event that are tried.
TEARS_MAX = 400


@dataclass(frozen=True, slots=True)
class Requirement:
    """Something that the operation at hand needs and is not given.

    ``kind``: ``order`` (event ``first`` before event ``second``), ``durable`` (``first`` before the operation
    returns), ``together`` (both or neither) or ``whole`` (``first`` must not arrive in part). Events are
    numbered from 0 here, and from 1 in ``words``, one sentence.
    """

    kind: str
    first: int
    second: int | None
    words: str


@dataclass(frozen=True, slots=True)
class Why:
    """``sentence``: why the crash state fails; empty where that cannot be told. ``requirements``: those of
    the operation (with ``recovery``: of the recovery that was cut) that are not met, in the order of events;
    ``complete``: whether all of its events were looked at. ``cause``: the sentence without what is peculiar
    to this trace, the same for other failures of the same mistake."""

    sentence: str
    requirements: tuple[Requirement, ...] = ()
    recovery: bool = False
    complete: bool = True
    cause: str = ""

    @property
    def whose(self) -> str:
        """Whose requirements they are."""
        return "recovery" if self.recovery else "operation"

    @property
    def needs(self) -> tuple[str, ...]:
        """The requirements in words; the last says so where only a part was looked at."""
        part = f"(Only the last {EVENTS_MAX} writes and erases were looked at.)"
        return tuple(one.words for one in self.requirements) + (() if self.complete else (part,))


def why_text(sentence: str, needs: Sequence[str]) -> list[str]:
    """The reason of a violation, and all that was needed there and is not given, a line each."""
    if not sentence:
        return []
    more = ["what is needed there and not given:", *(f"  {one}" for one in needs)] if needs else []
    return [f"why: {sentence}", *more]


NOTHING = Why("")


def explain(trace: Trace, engine: Engine, watch: Watch | None = None) -> Why:
    """Why the trace's crash state fails on this engine; NOTHING where it has none, where it holds, or where
    judging it would end the process. Raises PowercutError where the trace cannot be run."""
    fault = trace.fault
    if fault is None or trace.expect.kind in DEADLY:
        return NOTHING
    with RunStates(trace, engine, watch) as states:
        (finding,) = states.judge([fault])
        if finding is None:
            return NOTHING
        if fault.kind in ("damage", "full"):
            return _plain(trace, fault, finding)
        if len(fault.cuts) == 1:  # what is asked after a cut is a part of the recovery that is cut again
            states.ask_only(finding.kind)
        return _Experiments(trace, states, fault, finding.kind).why()


def explain_safely(trace: Trace, engine: Engine) -> Why:
    """The same in a process of its own, since a neighbour of the state may end it; NOTHING if it does."""
    answers: list[Why] = []
    try:
        in_child(lambda watch, send: send(explain(trace, engine, watch)), answers)
    except (DiedError, PowercutError):
        return NOTHING
    return answers[0]


def with_why(trace: Trace, engine: Engine) -> Trace:
    """The trace with the sentence that says why, and what is needed, as a part of what is expected."""
    if not trace.expect.kind:
        return trace
    why = explain_safely(trace, engine)
    return replace(trace, expect=replace(trace.expect, why=why.sentence, needs=why.needs))


def _plain(trace: Trace, fault: Fault, finding: Finding) -> Why:
    """Of what is no question of order."""
    if fault.damage is not None:
        words = f"The engine does not notice or does not survive this: {damage_words(fault.damage)}."
        return Why(words, cause=f"damage is taken for what was written ({fault.damage.kind})")
    when = when_full(trace, fault)
    if finding.kind == "full":
        what = (
            "an operation answers what it may not, or is neither done nor undone, or what was removed leaves "
            f"no room ({finding.code})"
        )
    else:
        what = f"and the power cut, what is left is not recovered as it should be ({finding.kind})"
    return Why(f"{when}, {what}.", cause=f"on a full device ({finding.kind}, {finding.code})")


def when_full(trace: Trace, fault: Fault) -> str:
    """When the device is filled up."""
    before = f"before {operation_words(trace.operations, fault.state)}"
    behind = "behind the last operation" if trace.operations else "on the fresh store"
    return f"With no block free {before if fault.state < len(trace.operations) else behind}"


#: What is wrong with a device on which nothing was written yet, by kind of violation.
_WRONG = {
    "mount": "is not mounted",
    "read": "cannot be read",
    "content": "shows something else than it holds",
    "second_mount": "shows something else when it is mounted a second time",
    "write": "takes no fresh key once it is mounted",
    "lost_write": "loses a fresh key, or something with it, once it is mounted",
    "check": "is not sound in the eyes of the engine's own check",
    "resume": "goes wrong when the run goes on on it",
}


class _Experiments:
    """One failing crash state and its neighbours: the last of its cuts is varied."""

    def __init__(self, trace: Trace, states: RunStates, fault: Fault, kind: str) -> None:
        self._trace, self._states, self._fault, self._kind = trace, states, fault, kind
        self._before = fault.cuts[:-1]
        self._cut = plainest(self._fails, fault.cuts[-1])
        while self._before and self._cut == Cut(0):  # the cut before it is enough
            self._cut = plainest(self._fails_before, self._before[-1])
            self._before = self._before[:-1]
        self._events = states.recovery(with_cuts(fault, self._before)) if self._before else states.events
        recovery = bool(self._before)
        self._log = Log(
            self._events,
            states.erases,
            self._span(),
            self._fails,
            (lambda _: False) if recovery else self._settled,
            (lambda _: False) if recovery else self._idle,
        )
        self._words = EventWords(trace.geometry, self._events, self._image, self._log.span.stop, self._who)

    def why(self) -> Why:
        """The sentence and the requirements."""
        reason = reason_of(self._log, self._cut)
        needs = needs_of(self._log, reorders=self._reorders(), tears=self._tears)
        sentence, cause = self._sentence(reason)
        return Why(sentence, self._requirements(needs), bool(self._before), needs.complete, cause)

    # --- the log -----------------------------------------------------------------------------------------

    def _fault_of(self, cut: Cut) -> Fault:
        return with_cuts(self._fault, [*self._before, cut])

    def _fails(self, cuts: Sequence[Cut]) -> list[bool]:
        return [one is not None for one in self._states.judge([self._fault_of(cut) for cut in cuts])]

    def _fails_before(self, cuts: Sequence[Cut]) -> list[bool]:
        """The same of the cut before the last."""
        faults = [with_cuts(self._fault, [*self._before[:-1], cut]) for cut in cuts]
        return [one is not None for one in self._states.judge(faults)]

    def _image(self, state: int) -> bytes:
        return self._states.image(self._fault_of(Cut(state)))

    def _op_of(self, number: int) -> int:
        return self._states.position(number)[0]

    def _hand(self) -> int:
        """The operation that was under way, or the last that had returned."""
        done, in_flight = self._states.position(min(self._cut.at, len(self._events)))
        torn = self._cut.tear is not None and not self._cut.tear.back
        return done if in_flight or torn else max(done - 1, 0)

    def _span(self) -> range:
        """The events of the operation at hand; of a recovery all."""
        if self._before:
            return range(len(self._events))
        hand = self._hand()
        numbers = [number for number in range(len(self._events)) if self._op_of(number) == hand]
        return range(numbers[0], numbers[-1] + 1) if numbers else range(self._cut.at, self._cut.at)

    def _settled(self, state: int) -> bool:
        done, in_flight = self._states.position(state)
        return not in_flight and done > self._hand()

    def _idle(self, state: int) -> bool:
        done, in_flight = self._states.position(state)
        return done > 0 and not in_flight

    def _who(self, number: int) -> str:
        if self._before:
            return "the recovery"
        issued = self._op_of(number)
        return f"operation {issued}" if issued < len(self._trace.operations) else "the unmount"

    def _reorders(self) -> bool:
        return any(model.reorders for model in device_models(self._trace))

    def _tears(self, number: int) -> list[Cut]:
        """How the device models tear one event, first of all the way that is known to fail; of a recovery's
        that alone."""
        tear, at = self._cut.tear, self._cut.at
        known = [self._cut] if tear is not None and not tear.back and at == number else []
        if self._before:
            return known
        listed = self._states.listed("torn", number)
        step = max(-(-len(listed) // TEARS_MAX), 1)
        return known + [one.cuts[0] for one in listed[::step]]

    # --- words -------------------------------------------------------------------------------------------

    def _sentence(self, reason: Reason) -> tuple[str, str]:
        """The sentence, and what it has in common with others of the same mistake."""
        tell: dict[str, Callable[[Reason], tuple[str, str]]] = {
            "order": self._ordered,
            "late": self._late,
            "half": self._half,
            "durable": self._durable,
            "whole": self._whole,
            "together": self._together,
            "wrong": self._wrong,
            "returned": self._returned,
            "start": self._start,
        }
        if reason.kind not in tell:
            return "", ""
        text, cause = tell[reason.kind](reason)
        where = ", in the recovery" if self._before else ""
        return f"{text[:1].upper()}{text[1:]}{where}.", f"{cause}{where}"

    def _list(self, events: Sequence[int]) -> str:
        names = [self._words.name(one) for one in events]
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

    def _one_of(self, events: Sequence[int]) -> str:
        return self._list(events) if len(events) == 1 else f"one of {self._list(events)}"

    def _ordered(self, reason: Reason) -> tuple[str, str]:
        then = reason.then or 0
        first, second = self._words.pair(reason.events[0], then)
        if len(reason.events) > 1:
            first = self._one_of(reason.events)
        sort, other = self._words.sorts(reason.events[0], then)
        return (
            f"{first} must be durable before {second}: there is no sync between them",
            f"no sync between {sort} and {other}{self._unless_told(sort, other)}",
        )

    def _late(self, reason: Reason) -> tuple[str, str]:
        then = reason.then or 0
        known = next((one for one in reason.events if self._words.points(then, one)), reason.events[-1])
        _, second = self._words.pair(known, then)
        first, them = self._list(reason.events), "it" if len(reason.events) == 1 else "them"
        sort, other = self._words.sorts(known, then)
        return (
            f"{first} must be durable before {second}, and the engine issues {them} only afterwards",
            f"{sort} is issued only after {other}{self._unless_told(sort, other)}",
        )

    def _half(self, reason: Reason) -> tuple[str, str]:
        """Of what may be one record: whether it is, only the format's reader knows, and whose blocks it tells
        have a checksum of their own."""
        then = reason.then or 0
        events, one = reason.events, len(reason.events) == 1
        apart = self._log.apart(then, events)
        if all(self._words.told(event) for event in (then, *events)):
            return self._late(reason) if apart else self._together(Reason("together", (then, *events)))
        are, them = ("is", "it") if one else ("are", "they")
        issued = f"{self._events[then].kind} #{then + 1} is issued"
        order = f"; here it would do as well if {them} were durable before {issued}" if apart else ""
        sort, other = self._words.sorts(then, events[0])
        return (
            f"{self._words.name(then)} counts although {self._list(events)} {are} not there: the recovery "
            f"must notice that {them} {are} missing{order}",
            f"{sort} counts without {other}, which is issued after it{self._in_a()}",
        )

    def _durable(self, reason: Reason) -> tuple[str, str]:
        what = operation_words(self._trace.operations, self._promised(reason))
        sort, them = self._words.sort(reason.events[0]), "it" if len(reason.events) == 1 else "them"
        if reason.events[0] >= (reason.then or 0):
            return (
                f"{self._list(reason.events)} must be durable before {what} returns, and the engine issues "
                f"{them} only afterwards",
                f"{sort} is issued only after the operation has returned",
            )
        return (
            f"{self._one_of(reason.events)} must be durable before {what} returns: no sync follows {them}",
            f"no sync between {sort} and the return of the operation",
        )

    def _promised(self, reason: Reason) -> int:
        """The operation by whose return the events must be durable: the one that issued the last of them, or
        where only a sync promises that, the first sync behind it."""
        done, _ = self._states.position(reason.then or 0)
        issued = self._op_of(reason.events[-1])
        between = range(issued, min(done, len(self._trace.operations)))
        syncs = [one for one in between if self._trace.operations[one].kind == "sync"]
        return syncs[0] if syncs else min(issued, max(done - 1, 0))

    def _whole(self, reason: Reason) -> tuple[str, str]:
        then = reason.then or 0
        tear = self._cut.tear
        how = "" if tear is None else f": {tear_words(tear)}"
        device = f", which the device model {self._fault.model} allows" if self._fault.model else ""
        while_there = f" while {self._words.name(reason.events[0])} is there" if reason.events else ""
        return (
            f"{self._words.name(then)} must not arrive in part{while_there}{how}{device}",
            f"{self._words.sort(then)} counts although only a part of it arrived",
        )

    def _together(self, reason: Reason) -> tuple[str, str]:
        first, last = reason.events[0], reason.events[-1]
        name, other = self._words.pair(first, last)
        sort, sort_other = self._words.sorts(first, last)
        cause = f"{sort} and {sort_other} are one change in several writes{self._in_a()}"
        if len(reason.events) == 2:
            return f"{name} and {other} must both be there or neither, and they are two writes", cause
        between = [self._words.name(one) for one in reason.events[1:-1]]
        return (
            f"{name}, {', '.join(between)} and {other} must all be there or none, and are not one write",
            cause,
        )

    def _wrong(self, reason: Reason) -> tuple[str, str]:
        then = reason.then or 0
        return (
            f"from {self._words.name(then)} on the store is wrong, and nothing later in "
            f"{'it' if self._before else 'the operation'} mends it",
            f"the store is wrong from {self._words.sort(then)} on{self._in_a()}",
        )

    def _returned(self, reason: Reason) -> tuple[str, str]:
        what = operation_words(self._trace.operations, self._hand())
        return (
            f"all that {what} wrote is there, whole and in order, and it is not what it should be",
            f"what an operation leaves is not what it should be{self._in_a()}",
        )

    def _start(self, _reason: Reason) -> tuple[str, str]:
        """Of a device on which nothing has been written yet."""
        done, _ = self._states.position(0)
        if done and self._kind in ("mount", "read", "content"):
            what = operation_words(self._trace.operations, done - 1)
            return (
                f"{what} has returned, and the engine has written nothing",
                f"an operation returns and nothing is written{self._in_a()}",
            )
        device = "the freshly formatted device" if self._trace.image is None else "the image"
        return f"before any device event, {device} {_WRONG.get(self._kind, 'is recovered wrongly')}", (
            f"{device} {_WRONG.get(self._kind, 'is recovered wrongly')}"
        )

    def _unless_told(self, *sorts: str) -> str:
        """Which kind of operation is at hand, where it is not known what its writes are."""
        return self._in_a() if set(sorts) & {"a prog", "an erase"} else ""

    def _in_a(self) -> str:
        """Which kind of operation is at hand."""
        hand = self._hand()
        if self._before or hand >= len(self._trace.operations):
            return ""
        return f", in a {self._trace.operations[hand].kind}"

    def _requirements(self, needs: Needs) -> tuple[Requirement, ...]:
        made = [
            Requirement("whole", one, None, f"{self._words.name(one)} must not arrive in part.")
            for one in needs.whole
        ]
        for first, second in needs.order:
            name, other = self._words.pair(first, second)
            made.append(Requirement("order", first, second, f"{name} must be durable before {other}."))
        for one in needs.durable:
            text = f"{self._words.name(one)} must be durable before the operation returns."
            made.append(Requirement("durable", one, None, text))
        for first, second in needs.together:
            name, other = self._words.pair(first, second)
            made.append(Requirement("together", first, second, f"{name} must not be there without {other}."))
        return tuple(sorted(made, key=lambda one: (one.first, one.second or 0, one.kind)))
