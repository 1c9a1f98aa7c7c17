# SPDX-License-Identifier: ISC
"""One workload: written by each side, cut everywhere, written on by the other, and read by both.

This runs in a process that an engine may end or hang. Every call of an engine is announced, by a hash of what
it is about and its cell: whoever watches knows what was at hand, and starts the work anew without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from powercut.compat.cells import CELLS, SECOND, SIDES, Cell, Example, Matrix
from powercut.compat.tornstates import NO_TORN, Torn
from powercut.engine import Engine, EngineRefusedError, Run
from powercut.errors import PowercutError
from powercut.faultwords import fault_words
from powercut.geometry import Geometry
from powercut.golden.check import differences
from powercut.golden.manifest import holding
from powercut.hashes import answer_hash
from powercut.isolated import Beat
from powercut.ops import Literal, Op, op_text
from powercut.predict import Prediction, predict
from powercut.trace import EngineOptions
from powercut_models import Row

_NUMBER = {cell: number for number, cell in enumerate(CELLS)}

Rows = tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """A build and what it is told."""

    engine: str
    options: EngineOptions


@dataclass(frozen=True, slots=True)
class Task:
    """One workload. bases: how many cut images of each writer the other side writes on in; ignore: keys that
    are not compared; torn: which crash states besides; deaths: what became of calls that ended the process,
    by their items; closed: cells that are not looked at any more."""

    sides: tuple[Side, Side]
    name: str
    geometry: Geometry
    operations: tuple[Op, ...]
    bases: int
    ignore: tuple[bytes, ...] = ()
    torn: Torn = NO_TORN
    deaths: tuple[tuple[int, str], ...] = ()
    closed: frozenset[Cell] = frozenset()


def item_of(call: str, data: bytes, cell: Cell) -> int:
    """What the beat says of a call: a hash of the image that it is about, of 40 bits, and its cell."""
    low, _ = answer_hash("get", data=call.encode() + data)
    return low % (1 << 40) * len(CELLS) + _NUMBER[cell]


def cell_of(item: int) -> Cell:
    """The cell of what the beat said."""
    return CELLS[item % len(CELLS)]


def look(task: Task, beat: Beat) -> Matrix:
    """Everything about one workload. Raises PowercutError where a side cannot write it at all."""
    return _Look(task, beat).run()


@dataclass(frozen=True, slots=True)
class _Image:
    """An image to read: its bytes, the stores that are right, where it comes from, and how it was left."""

    data: bytes
    expected: tuple[Rows, ...]
    words: str
    number: int
    events: int
    state: str

    @property
    def clean(self) -> bool:
        """Whether it was closed."""
        return self.state == "clean"


@dataclass(slots=True)
class _Look:
    task: Task
    beat: Beat
    found: Matrix = field(default_factory=Matrix)
    _seen: set[tuple[Cell, tuple[int, int], tuple[Rows, ...]]] = field(default_factory=set)
    _engines: dict[str, Engine] = field(default_factory=dict)

    def run(self) -> Matrix:
        self._engines = {
            name: Engine.load(side.engine) for name, side in zip(SIDES, self.task.sides, strict=True)
        }
        for writer, then in (("old", "upgrade"), ("new", "downgrade")):
            images = list(self._written(writer))
            for image in images:
                self._read_by_both(writer, image)
            for base in self._bases(images):
                self._write_on(then, base)
        return self.found

    # --- writing ---------------------------------------------------------------------------------------

    def _side(self, name: str) -> tuple[Engine, EngineOptions]:
        return self._engines[name], self.task.sides[SIDES.index(name)].options

    def _written(self, writer: str) -> Iterator[_Image]:
        """Every state in which a power cut may leave the workload of one side."""
        engine, options = self._side(writer)
        task = self.task
        self._begin(writer, engine)
        try:
            run = engine.record(task.geometry, task.operations, options=options)
        except EngineRefusedError as error:
            raise PowercutError(
                f"{engine.name} {engine.version} ({writer}) does not take the device {task.geometry}: {error}"
                "; say --block-size and --block-count."
            ) from error
        with run:
            prediction = predict(run, task.operations)
            try:
                wrong = next((one for one in prediction.wrong if one.kind == "answer"), None)
                if wrong is not None:
                    raise PowercutError(
                        f"{engine.name} {engine.version} ({writer}) does wrong even without a power cut: "
                        f"{task.name}: {wrong.words}; see `powercut run`."
                    )
                yield from self._states(run, prediction, f"{task.name} by {writer}", ())
            finally:
                prediction.close()

    def _begin(self, writer: str, engine: Engine) -> None:
        """Raises PowercutError where writing the workload ended the process the last time."""
        item = item_of("begin", b"", Cell(writer, writer, "cut"))
        kind = dict(self.task.deaths).get(item)
        if kind is not None:
            what = "hangs" if kind == "hang" else "ends its process"
            raise PowercutError(
                f"{engine.name} {engine.version} ({writer}) {what} as it writes {self.task.name}, without "
                "any power cut; see `powercut run`."
            )
        self.beat(item)

    def _states(
        self, run: Run, prediction: Prediction, words: str, before: Sequence[Rows]
    ) -> Iterator[_Image]:
        """The crash states of a run; before: what else is right until its first operation has returned."""
        last = run.event_count
        stores: dict[int, Rows] = {}

        def right(done: int, in_flight: bool) -> tuple[Rows, ...]:
            expected: list[Rows] = []
            for count in prediction.counts(done, in_flight):
                if count not in stores:
                    stores[count] = self._compared(prediction.model.rows(count))
                expected.append(stores[count])
            expected += before if done == 0 else ()
            return tuple(dict.fromkeys(expected))

        for state in range(last + 1):
            where = "closed" if state == last else f"cut after device event {state} of {last}"
            left = "clean" if state == last else "cut"
            expected = right(*run.position(state))
            yield _Image(run.image(state), expected, f"{words}, {where}", state, last, left)
        chosen, totals = self.task.torn.states(run)
        self.found.torn_total.update(totals)
        for kind, faults in chosen.items():
            self.found.torn[kind] += len(faults)
            for fault in faults:
                where = fault_words(fault, last, lambda number: str(run.event(number)))
                expected = right(*run.fault_position(fault))
                yield _Image(run.fault_image(fault), expected, f"{words}: {where}", fault.state, last, kind)

    def _bases(self, images: list[_Image]) -> list[_Image]:
        """The images that the other side writes on in: the closed one, and some of the others, evenly."""
        images = [image for image in images if image.state in ("clean", "cut")]
        cuts, count = len(images) - 1, min(self.task.bases, len(images) - 1)
        chosen = [images[1 + (cuts - 1) * index // max(count, 1)] for index in range(count) if cuts > 1]
        distinct = {image.data: image for image in [*chosen, images[-1]]}
        self.found.bases += len(distinct)
        self.found.bases_total += len({image.data for image in images})
        return list(distinct.values())

    def _write_on(self, writer: str, base: _Image) -> None:
        """The second side opens and writes an image of the first, cut everywhere; both read what is left."""
        second = SECOND[writer]
        cell = Cell(writer, second, "write")
        engine, options = self._side(second)
        rows = self._shown(second, cell, base)
        if rows is None:
            return
        operations = _first_writes([row for row in rows if not _below(row.key, self.task.ignore)])
        if not self._may_call("write", cell, base):
            return
        try:
            run = engine.record(self.task.geometry, operations, image=base.data, options=options)
        except EngineRefusedError as error:
            self._note(cell, base, "refused", error.code, str(error))
            return
        with run:
            prediction = predict(run, operations, rows)
            try:
                if self._judge_write(cell, base, run, prediction, operations):
                    words = f"{base.words}, then {second}"
                    for image in self._states(run, prediction, words, base.expected):
                        self._read_by_both(writer, image)
            finally:
                prediction.close()

    def _judge_write(
        self, cell: Cell, base: _Image, run: Run, prediction: Prediction, operations: Sequence[Op]
    ) -> bool:
        """Notes whether the second side did what it was asked; whether cuts of it are worth a look."""
        wrong = next((one for one in prediction.wrong if one.kind == "answer"), None)
        if wrong is None:
            self._note(cell, base, "same", "", "")
            return True
        code = run.code(wrong.op)
        outcome = "misread" if code == "OK" else "refused"
        self._note(cell, base, outcome, code, f"{op_text(operations[wrong.op])}: {wrong.words}")
        return False

    # --- reading ---------------------------------------------------------------------------------------

    def _read_by_both(self, writer: str, image: _Image) -> None:
        digest = answer_hash("get", data=image.data)
        for reader in SIDES:
            cell = Cell(writer, reader, image.state)
            key = (cell, digest, image.expected)
            if key in self._seen:
                self.found.cells[cell].identical += 1
                continue
            self._seen.add(key)
            rows = self._shown(reader, cell, image)
            if rows is not None:
                self._note(cell, image, "same", "", "")

    def _shown(self, reader: str, cell: Cell, image: _Image) -> Rows | None:
        """What a side shows of an image, if that is right; else it is noted, and None."""
        if not self._may_call("read", cell, image):
            return None
        engine, options = self._side(reader)
        try:
            rows = engine.entries(image.data, self.task.geometry, options)
        except EngineRefusedError as error:
            self._note(cell, image, "refused", error.code, str(error))
            return None
        if self._compared(rows) not in image.expected:
            self._note(cell, image, "misread", "", "what is read is not what was written", rows)
            return None
        return tuple(rows)

    def _compared(self, rows: Iterable[Row]) -> Rows:
        """Rows as they are compared: without what is ignored, without times unless both sides have them."""
        timed = all("timestamps" in engine.capabilities for engine in self._engines.values())
        kept = [row for row in rows if not _below(row.key, self.task.ignore)]
        if not timed:
            kept = [Row(row.key, row.kind, row.data, None) for row in kept]
        return tuple(sorted(kept, key=lambda row: row.key))

    # --- noting ----------------------------------------------------------------------------------------

    def _may_call(self, call: str, cell: Cell, image: _Image) -> bool:
        """Says that an engine is about to be called. False where that ended the process the last time, which
        is noted, and where the cell is closed."""
        item = item_of(call, image.data, cell)
        kind = dict(self.task.deaths).get(item)
        if kind is not None:
            what = "the engine hangs" if kind == "hang" else "the engine ended its process"
            self._note(cell, image, kind, "", what)
            return False
        if cell in self.task.closed:
            self.found.cells[cell].left += 1
            return False
        self.beat(item)
        return True

    def _note(
        self, cell: Cell, image: _Image, outcome: str, code: str, words: str, rows: Iterable[Row] = ()
    ) -> None:
        self.found.cells[cell].add(outcome, code)
        key = (cell, outcome, code)
        if outcome == "same" or key in self.found.examples:
            return
        expected = tuple(holding(store) for store in image.expected)
        lines = tuple(differences(expected[0], holding(self._compared(rows)))) if outcome == "misread" else ()
        options = self.task.sides[SIDES.index(cell.reader)].options
        self.found.examples[key] = Example(
            cell, outcome, code, f"{image.words}: {words}", lines, image.data, self.task.geometry, options,
            expected, self.task.name, image.number, image.events, image.clean,
        )  # fmt: skip


def _first_writes(rows: Sequence[Row]) -> tuple[Op, ...]:
    """What the second side does: a new value, one in the place of another, and one less."""
    values = [row.key for row in rows if row.kind == "value"]
    made = [Op("set", b"zz-new", value=Literal(b"written by the other side"))]
    if values:
        made.append(Op("set", values[0], value=Literal(b"in its place")))
        made.append(Op("remove", values[-1]))
    return tuple(made)


def _below(key: bytes, folders: Iterable[bytes]) -> bool:
    return any(key == folder or key.startswith(folder + b"/") for folder in folders)
