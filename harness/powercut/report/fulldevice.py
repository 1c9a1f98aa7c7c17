# SPDX-License-Identifier: ISC
"""What an engine does on a full device: the operation at hand, the removal of what filled it, and whether
the device can be filled as far again.

The explorer judges this in C; here the same is done once more, part by part with a mount before each, to be
told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from powercut.engine import FILL_KEY, Engine, EngineRefusedError
from powercut.ops import Literal, Op, op_text
from powercut.predict import predict
from powercut.report.contents import Contents, compare_contents
from powercut.report.film import FilmMaker, film_recovery
from powercut.report.owners import read_device
from powercut.trace import Trace
from powercut_models import Row

#: Values that are set in one go, at first; twice as many each time.
_BATCH = 16

#: More values than this no device that can be told about takes.
_FILLERS_MAX = 1 << 14

#: How often the device is filled again while it takes less each time; how often it must, to be told.
_ROUNDS_MAX = 64
_LESS_MIN = 6


@dataclass(slots=True)
class FullDevice:
    """The device from the moment at which ``image``, holding ``rows``, is filled up.

    ``image``, ``rows`` and ``contents`` follow what is done; ``parts``: (title, sentence) of it; ``right``:
    whether all of it was what it should be. Nothing more is done behind the first mistake.
    """

    trace: Trace
    engine: Engine
    littlefs: bool
    image: bytes
    rows: list[Row]
    contents: Contents | None = None
    parts: list[tuple[str, str]] = field(default_factory=list)
    right: bool = True
    _fillers: list[Op] = field(default_factory=list)
    _refused_op: Op | None = None

    def fill(self) -> None:
        """Sets values until there is no space, large ones first."""
        try:
            asked = self._filling()
        except EngineRefusedError as error:
            self._refused("Full", error)
            return
        codes = self._do(asked)
        self._fillers = [op for op, code in zip(asked, codes, strict=True) if code == "OK"]
        odd = next((code for code in codes if code not in ("OK", "NO_SPACE")), None)
        words = f"Then {len(self._fillers)} values were set until the device had no free block left."
        if odd is not None:
            self.right = False
            words += f" One of them answered {odd}."
        self._part("Full", words)

    def go_on(self, maker: FilmMaker, number: int, code: str) -> None:
        """Operation ``number``, which answers ``code`` where there is room, and the removals; ``maker`` gets
        their events."""
        try:
            if self.right and number < len(self.trace.operations):
                self._operation(maker, number, code)
            same = self._refused_op is not None or number >= len(self.trace.operations)
            first = _size(self._fillers) if same else None
            if self.right:
                self._removals(maker)
            if self.right:
                self._fill_again(first)
        except EngineRefusedError as error:
            self._refused("Then", error)

    def _operation(self, maker: FilmMaker, number: int, code: str) -> None:
        op = self.trace.operations[number]
        (found,) = self._do([op], maker, f"operation {number} on the full device")
        refused = found == "NO_SPACE" and op.kind != "remove"
        self.right = self.right and (found == code or refused)
        self._refused_op = op if refused and code == "OK" else None
        words = f"Operation {number}, {op_text(op)}, answered {found} there"
        words += "." if found == code else f", and {code} where there is room."
        if found == "NO_SPACE" and op.kind == "remove":
            words += " A removal needs no room."
        self._part("On the full device", words)

    def _removals(self, maker: FilmMaker) -> None:
        removals = [Op("remove", op.key) for op in self._fillers]
        codes = self._do(removals, maker, "removal of what filled the device")
        odd = [(op, code) for op, code in zip(removals, codes, strict=True) if code != "OK"]
        words = "Then all that filled it was removed again."
        if odd:
            self.right = False
            words = f"What filled it was to be removed, and {op_text(odd[0][0])} answered {odd[0][1]}."
        self._part("Emptied", words)

    def _fill_again(self, first: int | None) -> None:
        """Whether the room of what was removed comes back; ``first``: bytes taken before, with the same
        store. Says nothing where it does."""
        told = [] if first is None else [first]
        while len(told) < _ROUNDS_MAX and (len(told) < 2 or told[-1] < told[-2]):
            if len(told) > _LESS_MIN and told[-1] < told[0] // 2:
                self.right = False
                words = ", then ".join(f"{size:,}" for size in told)
                self._part(
                    "Filled again",
                    f"Filled up and emptied again and again, the device took {words} bytes: what was removed "
                    "does not leave its room.",
                )
                return
            asked = self._filling()
            codes = self._do([*asked, *([self._refused_op] if self._refused_op else [])])
            fillers = [op for op, code in zip(asked, codes, strict=False) if code == "OK"]
            told.append(_size(fillers))
            self._do([Op("remove", op.key) for op in fillers])

    def _part(self, title: str, words: str) -> None:
        if self.contents is not None and not self.contents.engine_right:
            self.right = False
            words += " What the store holds after that is wrong."
        self.parts.append((title, words))

    def _refused(self, title: str, error: EngineRefusedError) -> None:
        self.right = False
        self.parts.append((title, f"The engine does not take the device: {error.what} answers {error.code}."))

    # --- doing -------------------------------------------------------------------------------------------

    def _do(self, ops: Sequence[Op], maker: FilmMaker | None = None, stage: str = "") -> list[str]:
        """Mounts, does the operations, and compares the store behind them. Raises EngineRefusedError."""
        geometry, options = self.trace.geometry, self.trace.engine.options
        with self.engine.record(geometry, ops, image=self.image, options=options) as run:
            if maker is not None:
                film_recovery(maker, run, [stage] * run.event_count, None)
            self.image = run.image(run.event_count)
            disk = read_device(self.image, geometry) if self.littlefs else None
            prediction = predict(run, ops, self.rows)
            try:
                nearest = partial(prediction.nearest, len(ops), False)
                self.contents = compare_contents(run, self.image, nearest, disk, probed=False, fillers=True)
                self.rows = prediction.model.rows(len(ops))
            finally:
                prediction.close()
            return [run.code(index) for index in range(len(ops))]

    def _filling(self) -> list[Op]:
        """What fills the device, with each set that is refused: as ``fill`` of the explorer does it."""
        most = self.engine.facts(self.image, self.trace.geometry, self.trace.engine.options).value_max
        asked: list[Op] = []
        count = 0
        for size in self._sizes():
            if size <= most:
                asked, count = self._of_size(asked, count, size)
        return asked

    def _sizes(self) -> Iterator[int]:
        size = self.trace.geometry.block_size
        while size > 1:
            yield size
            size //= 4
        yield 1

    def _of_size(self, asked: list[Op], count: int, size: int) -> tuple[list[Op], int]:
        """``asked`` with sets of one size up to the first that is refused; how many fillers that makes."""
        batch = _BATCH
        while count + batch < _FILLERS_MAX:
            more = [_filler(count + index, size) for index in range(batch)]
            codes = self._codes([*asked, *more])[len(asked) :]
            stop = next((index for index, code in enumerate(codes) if code != "OK"), None)
            if stop is not None:
                return [*asked, *more[: stop + 1]], count + stop
            batch *= 2
        return asked, count

    def _codes(self, ops: Sequence[Op]) -> list[str]:
        geometry, options = self.trace.geometry, self.trace.engine.options
        with self.engine.record(geometry, ops, image=self.image, options=options) as run:
            return [run.code(index) for index in range(len(ops))]


def _size(fillers: Sequence[Op]) -> int:
    return sum(len(op.data()) for op in fillers)


def _filler(number: int, size: int) -> Op:
    return Op("set", FILL_KEY + str(number).encode(), value=Literal(bytes(size)))
