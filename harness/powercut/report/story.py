# SPDX-License-Identifier: ISC
"""Everything there is to say about a trace's crash state, gathered once for terminal, page and JSON."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from powercut.engine import Engine, Event, Run
from powercut.errors import PowercutError
from powercut.fault import Cut, Fault, prefix
from powercut.faultwords import damage_words
from powercut.judge import Violation
from powercut.nearest import Finder, finder
from powercut.ops import op_text
from powercut.predict import Prediction, predict
from powercut.replay import Replay
from powercut.report.cause import Cause, cause_of
from powercut.report.contents import Contents, compare_contents
from powercut.report.cuts import fails
from powercut.report.deadly import apart, end_words, where_it_ends
from powercut.report.decode import Both, Line, block_lines, side_by_side
from powercut.report.film import (
    FILLED,
    RECOVERY,
    Film,
    FilmMaker,
    Frame,
    fate,
    film_cut,
    film_recovery,
    film_run,
)
from powercut.report.fulldevice import FullDevice
from powercut.report.owners import Owner, Reading, read_device
from powercut.report.recovering import AFTER_WRITING, IN_RECOVERY, Recoverer, Recovery, is_resumed
from powercut.run import initial_rows, record
from powercut.shrink import DEADLY
from powercut.trace import Trace
from powercut.why import Why, when_full

#: Blocks that are shown side by side.
BLOCKS_MAX = 8


@dataclass(frozen=True, slots=True)
class Step:
    """An operation: what it is, what it answered, its device events (numbers from 0, empty: none), and where
    it stands to the cut: ``done``, ``at hand`` or ``after``."""

    index: int
    words: str
    code: str
    events: range
    place: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The device at one moment. ``frame``: its number in the film; None: the moment is in no film."""

    name: str
    title: str
    owners: dict[int, Owner]
    image: bytes
    frame: int | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """One block on two snapshots, line by line."""

    block: int
    left: Owner
    right: Owner
    rows: tuple[Both, ...]

    @property
    def same(self) -> bool:
        """Whether it is the same in both."""
        return all(row.same for row in self.rows)

    @property
    def matters(self) -> bool:
        """Whether it differs, and is not free in both."""
        return not self.same and not free_on_both(self.left, self.right)


@dataclass(frozen=True, slots=True)
class Story:
    """What happened. Of an engine that ended its process without any cut only the first fields are known.

    ``steps``: the operations; ``events``: of the whole uncut run; ``at``: how many of them were asked for
    before the (first) cut; ``fates``: what became of each, see film.py; ``left`` and ``right``: which
    snapshots ``compared`` compares; ``in_flight``: whether the operation at hand was under way; ``full``:
    what happened on a full device, as (title, sentence).
    """

    trace: Trace
    engine: str
    shown: Replay
    fault: Fault | None
    steps: tuple[Step, ...]
    events: tuple[Event, ...] = ()
    film: Film | None = None
    snapshots: tuple[Snapshot, ...] = ()
    contents: Contents | None = None
    recovery: str = ""
    left: str = ""
    right: str = ""
    compared: tuple[Compared, ...] = ()
    cause: Cause | None = None
    littlefs: bool = False
    in_flight: bool = False
    full: tuple[tuple[str, str], ...] = ()
    at: int = 0
    fates: tuple[str, ...] = ()

    @property
    def violation(self) -> Violation | None:
        """The broken promise, if there is one."""
        return self.shown.violation

    @property
    def cut_step(self) -> int | None:
        """The operation to which the (first) cut is told: among or behind its events; where there are none
        before it, in front of the next ones. None: to none."""
        if self.film is None:
            return None
        some = [step for step in self.steps if step.events]
        among = (step.index for step in some if step.events.start < self.at <= step.events.stop)
        before = (step.index for step in some if self.at <= step.events.start)
        return next(chain(among, before), None)

    def snapshot(self, name: str) -> Snapshot:
        """A snapshot by its name."""
        return next(one for one in self.snapshots if one.name == name)


def tell(trace: Trace, engine: Engine, shown: Replay, state: int | None = None) -> Story:
    """The story of the replayed trace: at ``state`` if given, else at its violation, else at the trace's own
    crash state, else at the end. Raises PowercutError where the engine does not take the device."""
    violation = shown.violation
    if violation is None or violation.kind not in DEADLY:
        return _told(trace, engine, shown, state)
    story = apart(lambda: _told(trace, engine, shown, state)) if violation.fault is not None else None
    if story is not None:
        return story
    title = f"{engine.name} {engine.version}"
    steps = tuple(Step(i, op_text(op), "?", range(0), "done") for i, op in enumerate(trace.operations))
    return Story(trace, title, shown, None, steps, cause=cause_of(violation, None, shown.why))


def _told(trace: Trace, engine: Engine, shown: Replay, state: int | None) -> Story:
    title = f"{engine.name} {engine.version}"
    with record(trace, engine) as run:
        prediction = predict(run, trace.operations, initial_rows(trace))
        try:
            teller = _Teller(trace, engine, run, prediction, shown, _fault(trace, run, shown, state))
            return teller.tell(title)
        finally:
            prediction.close()


def _fault(trace: Trace, run: Run, shown: Replay, state: int | None) -> Fault:
    """The crash state to tell about."""
    if state is not None and state > run.event_count:
        raise PowercutError(f"There is no crash state {state}: the run has {run.event_count} device events.")
    if state is not None:
        return prefix(state)
    violation = shown.violation
    if violation is not None and violation.fault is not None:
        return violation.fault
    if violation is not None and violation.op is not None:
        return prefix(_range(_events(run, len(trace.operations))[violation.op], run.event_count).stop)
    there = trace.fault is not None and (trace.fault.kind == "full" or trace.fault.state <= run.event_count)
    return trace.fault if there and trace.fault is not None else prefix(run.event_count)


def _events(run: Run, count: int) -> list[list[int]]:
    """The numbers, from 0, of each operation's device events; the last list: of what belongs to none."""
    events: list[list[int]] = [[] for _ in range(count + 1)]
    for index in range(run.event_count):
        events[min(run.position(index)[0], count)].append(index)
    return events


def _range(numbers: list[int], otherwise: int) -> range:
    return range(numbers[0], numbers[-1] + 1) if numbers else range(otherwise, otherwise)


class _Teller:
    """Gathers the parts."""

    def __init__(
        self, trace: Trace, engine: Engine, run: Run, prediction: Prediction, shown: Replay, fault: Fault
    ) -> None:
        self._trace, self._engine, self._run = trace, engine, run
        self._prediction, self._shown, self._fault = prediction, shown, fault
        self._op_events = _events(run, len(trace.operations))
        self._cut: Cut = fault.cuts[0]
        if fault.kind == "full":  # its cut counts operations
            self._cut = Cut(_first_event(self._op_events, self._cut.at, run.event_count))
            self._done, self._in_flight = fault.cuts[0].at, False
        else:
            self._done, self._in_flight = run.position(self._cut.at)
        self._writers = [
            Owner("now" if i == self._hand else "earlier", f"operation {i} ({op_text(op)})")
            for i, op in enumerate(trace.operations)
        ]
        start = run.image(0)
        self._littlefs = read_device(start, trace.geometry).seen is not None
        self._crash = run.fault_image(fault)
        self._end = self._how_it_ends()
        self._full = self._filled() if fault.kind == "full" and len(fault.cuts) == 1 else None
        if self._full is not None:
            self._crash = self._full.image

    def _how_it_ends(self) -> str:
        """How the engine ends its process on this very crash state, or hangs; empty: it does not."""
        violation = self._shown.violation
        if violation is None or violation.kind not in DEADLY or violation.fault != self._fault:
            return ""
        return end_words(violation)

    def _filled(self) -> FullDevice:
        rows = self._prediction.model.rows(self._done)
        full = FullDevice(self._trace, self._engine, self._littlefs, self._crash, rows)
        full.fill()
        return full

    @property
    def _hand(self) -> int | None:
        """The operation at hand: under way, or the last that returned; None before the first."""
        if self._in_flight:
            return self._done
        return self._done - 1 if self._done else None

    def tell(self, title: str) -> Story:
        """The whole story."""
        maker, probed = FilmMaker(self._trace.geometry, littlefs=self._littlefs), self._probed()
        ops: list[int | None] = [None] * self._run.event_count
        for op, numbers in enumerate(self._op_events[:-1]):
            for number in numbers:
                ops[number] = op
        film_run(maker, self._run, self._cut, ops, self._writers)
        self._film_cuts(maker)
        recovery = self._recover(maker, probed)
        recovered = recovery.image
        contents = self._contents(recovered, probed)
        snapshots = self._snapshots(maker, contents, recovered)
        behind = (probed or self._full is not None) and recovered is not None
        left, right = ("cut", "after") if behind else ("expected", "cut")
        sides = {one.name: one for one in snapshots}
        violation = self._shown.violation
        cause = None if violation is None else cause_of(violation, contents, self._why())
        return Story(
            trace=self._trace,
            engine=title,
            shown=self._shown,
            fault=self._fault,
            steps=self._steps(),
            events=tuple(self._run.event(index) for index in range(self._run.event_count)),
            film=maker.film,
            snapshots=snapshots,
            contents=contents,
            recovery=recovery.words,
            left=left,
            right=right,
            compared=self._compared(sides[left], sides[right], maker.film),
            cause=cause,
            littlefs=self._littlefs,
            in_flight=self._in_flight,
            full=() if self._full is None else tuple(self._full.parts),
            at=self._cut.at,
            fates=tuple(fate(self._cut, index) for index in range(self._run.event_count)),
        )

    def _why(self) -> Why:
        """Why, with the step itself that goes wrong where the device is full."""
        full, why = self._full, self._shown.why
        if full is None or full.right or len(self._fault.cuts) > 1:
            return why
        return replace(
            why, sentence=f"{when_full(self._trace, self._fault)}, this goes wrong: {full.parts[-1][1]}"
        )

    @property
    def _resumed(self) -> bool:
        return is_resumed(self._shown.violation, self._fault)

    def _probed(self) -> bool:
        violation = self._shown.violation
        return violation is not None and violation.kind in AFTER_WRITING

    def _film_cuts(self, maker: FilmMaker) -> None:
        """The cut of the run, and those of recoveries, each with the recovery before it."""
        cuts = [self._cut, *self._fault.cuts[1:]]
        for number, cut in enumerate(cuts):
            stage = self._film_recovery(maker, number, cut) if number else ""
            last = number == len(cuts) - 1
            image = self._crash if last else self._run.fault_image(shorter(self._fault, number + 1))
            film_cut(maker, cut, self._cut_words(stage), self._hand, image, self._cut_writer(number, cut))

    def _film_recovery(self, maker: FilmMaker, number: int, cut: Cut) -> str:
        """The recovery that cut ``number`` ends; answers in what it was then."""
        before = shorter(self._fault, number)
        recoverer = Recoverer(self._trace, self._engine, self._run.fault_image(before), "the cut")
        with self._run.recovery(before) as recovery:
            stages = recoverer.stages(recovery.event_count)
            film_recovery(maker, recovery, stages, cut)
        return stages[cut.at - 1] if cut.at else IN_RECOVERY

    def _cut_writer(self, number: int, cut: Cut) -> Owner | None:
        """Whose a block is that a cut changes; None: whose it was."""
        if self._fault.kind == "full" and number == 0:
            return FILLED
        if cut.tear is None or cut.lost:
            return None
        hand = self._run.position(cut.at - cut.tear.back)[0] if number == 0 else len(self._writers)
        return self._writers[hand] if hand < len(self._writers) else RECOVERY if number else None

    def _cut_words(self, stage: str) -> str:
        """``stage``: in what the recovery was that is cut; empty: the run is."""
        if self._shown.violation is not None and self._shown.violation.fault is None:
            return "here the run went wrong, without any power cut"
        if self._fault.damage is not None:
            return f"the device was closed cleanly; then: {damage_words(self._fault.damage)}"
        if self._fault.kind == "full" and not stage:
            return "here the device was filled until it had no free block left"
        return f"the power goes again, {stage}" if stage else "the power goes"

    # --- the recovery ------------------------------------------------------------------------------------

    def _recover(self, maker: FilmMaker, probed: bool) -> Recovery:
        """What mounting does to the crash state, with what is done behind that."""
        if self._end:
            return Recovery(None, self._without_recovery())
        if fails(self._fault.damage):
            return Recovery(None, "")
        if self._full is not None:
            codes = [self._run.code(index) for index in range(len(self._trace.operations))]
            self._full.go_on(maker, self._done, codes[self._done] if self._done < len(codes) else "")
            return Recovery(self._full.image, "")
        return self._recovery(maker, probed)

    def _recovery(self, maker: FilmMaker, probed: bool) -> Recovery:
        after = "the cut" if self._fault.damage is None else "the damage"
        recoverer = Recoverer(self._trace, self._engine, self._crash, after)
        if not self._resumed:
            return recoverer.mount(maker, probe=probed)
        with self._run.recovery(self._fault) as recovery:
            return recoverer.go_on(maker, recovery)

    def _without_recovery(self) -> str:
        """What is known of a recovery that does not come to its end."""
        where = ""
        if self._end.startswith("it ended") and self._full is None and not fails(self._fault.damage):
            where = where_it_ends(self._engine, self._trace, self._crash)
        words = f"The engine did not come back: {self._end}{', ' * bool(where)}{where}."
        if self._full is not None:
            self._full.parts.append(("Then", words))
        return words

    # --- the store ---------------------------------------------------------------------------------------

    def _contents(self, recovered: bytes | None, probed: bool) -> Contents | None:
        """None: of a device that fails nothing can be shown here."""
        if fails(self._fault.damage):
            return None
        if self._full is not None:
            return self._full.contents
        written = probed and recovered is not None
        image = recovered if written and recovered is not None else self._crash
        disk: Reading | None = read_device(image, self._trace.geometry) if self._littlefs else None
        return compare_contents(
            self._run,
            image,
            self._finder(),
            disk,
            probed=None if not written and len(self._fault.cuts) > 1 else written,
            refused=self._end,
        )

    def _finder(self) -> Finder:
        """Finds the allowed store that is nearest to what is there."""
        violation = self._shown.violation
        if not self._resumed or violation is None or violation.reached is None:
            return finder(self._run, self._prediction, self._fault)
        last = violation.reached + (violation.op is not None)
        return partial(self._prediction.nearest_now, range(violation.reached, last + 1))

    # --- snapshots and blocks ----------------------------------------------------------------------------

    def _snapshots(
        self, maker: FilmMaker, contents: Contents | None, recovered: bytes | None
    ) -> tuple[Snapshot, ...]:
        film, hand = maker.film, self._hand
        events = range(0) if hand is None else _range(self._op_events[hand], self._cut.at)
        before = min(max(events.start - film.skipped, 0), film.cuts[0] - 1) if events else film.cuts[0] - 1
        title = "before the first operation" if hand is None else f"before operation {hand}"
        found = [
            self._of_frame("before", title, film, before, self._run.image(film.skipped + before)),
            self._of_frame("cut", self._cut_title(), film, film.cut_frame, self._crash),
        ]
        if recovered is not None:
            title = "after the fresh set" if self._probed() else "after the recovery"
            title = "after one more mount" if self._uncut else title
            title = "after the run went on" if self._resumed else title
            title = "after that" if self._full is not None else title
            found.append(self._of_frame("after", title, film, len(film.frames) - 1, recovered))
        found.append(self._expected(contents, found[0], events))
        return tuple(found)

    @property
    def _uncut(self) -> bool:
        """Something goes wrong in the run itself."""
        return self._shown.violation is not None and self._shown.violation.fault is None

    def _cut_title(self) -> str:
        if self._uncut:
            return "at the mistake"
        return {"damage": "damaged", "full": "full"}.get(self._fault.kind, "at the cut")

    def _expected(self, contents: Contents | None, before: Snapshot, events: range) -> Snapshot:
        """The device as an uncut run has it where the store is the nearest allowed one."""
        done = self._done if contents is None or self._full is not None else contents.done
        if self._in_flight and done == self._done:
            return replace(before, name="expected")
        at = events.stop if self._in_flight else self._cut.at
        if done != self._done + self._in_flight:  # an older store is allowed, or the run went on
            at = max((numbers[-1] + 1 for numbers in self._op_events[:done] if numbers), default=0)
        title = f"uncut, after operation {done - 1}" if done else "uncut, at the start"
        title = "undamaged" if self._fault.damage is not None else title
        image = self._run.image(at)
        maker = FilmMaker(self._trace.geometry, littlefs=self._littlefs)
        maker.add(Frame("run", "start", at, title), image, None)
        return self._of_frame("expected", title, maker.film, 0, image, inside=False)

    @staticmethod
    def _of_frame(
        name: str, title: str, film: Film, index: int, image: bytes, *, inside: bool = True
    ) -> Snapshot:
        frame = film.frames[index]
        return Snapshot(name, title, film.owners_at(index), image, index if inside else None, frame.problem)

    def _compared(self, left: Snapshot, right: Snapshot, film: Film) -> tuple[Compared, ...]:
        size = self._trace.geometry.block_size
        found = []
        for block in self._concerned(left, right)[:BLOCKS_MAX]:
            sides = [one.image[block * size : (block + 1) * size] for one in (left, right)]
            pair = block in film.pair_blocks
            lines: list[tuple[Line, ...]] = [
                block_lines(block, side, pair=pair, whole=True) for side in sides
            ]
            found.append(Compared(block, left.owners[block], right.owners[block], side_by_side(*lines)))
        return tuple(found)

    def _concerned(self, left: Snapshot, right: Snapshot) -> list[int]:
        """Blocks to look at: those that differ, then those that the operation at hand wrote, then those of
        the pairs that speak."""
        size, hand = self._trace.geometry.block_size, self._hand
        differing = [
            block
            for block in range(self._trace.geometry.block_count)
            if left.image[block * size : (block + 1) * size] != right.image[block * size : (block + 1) * size]
        ]
        written = [] if hand is None else [self._run.event(index) for index in self._op_events[hand]]
        touched = [event.block for event in written if event.kind != "sync"]
        speaking = [block for block, owner in right.owners.items() if owner.speaks]
        owned = [block for block in differing if not free_on_both(left.owners[block], right.owners[block])]
        return list(dict.fromkeys([*owned, *differing, *touched, *speaking]))

    def _steps(self) -> tuple[Step, ...]:
        steps = []
        for index, op in enumerate(self._trace.operations):
            place = "done" if index < self._done else "after"
            place = "at hand" if index == self._hand else place
            events = _range(self._op_events[index], 0)
            steps.append(Step(index, op_text(op), self._run.code(index), events, place))
        return tuple(steps)


def free_on_both(left: Owner, right: Owner) -> bool:
    """Whether a block belongs to nobody, so that what it holds matters to nobody."""
    return {left.kind, right.kind} <= {"free", "stale"}


def _first_event(events: list[list[int]], op: int, otherwise: int) -> int:
    """The first device event of an operation, or of the next one that makes any."""
    return next((numbers[0] for numbers in events[op:] if numbers), otherwise)


def shorter(fault: Fault, count: int) -> Fault:
    """The crash state after the first ``count`` cuts of a nested one."""
    if count == len(fault.cuts):
        return fault
    if fault.kind == "full":
        return replace(fault, cuts=fault.cuts[:count])
    first = fault.cuts[0]
    single = (
        "torn" if first.tear and not first.tear.back else "reorder" if first.lost or first.tear else "prefix"
    )
    return Fault("nested" if count > 1 else single, fault.cuts[:count], None, fault.model)
