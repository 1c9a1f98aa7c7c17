# SPDX-License-Identifier: ISC
"""What the model says of a recorded run: the answers it should give, the stores that it may leave behind."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from powercut.alternatives import Alternatives, Lineage
from powercut.counts import how_many
from powercut.engine import Run
from powercut.explorer import Watch
from powercut.geometry import Geometry
from powercut.hashes import Hash
from powercut.ops import Op, op_text
from powercut_models import Answer, Difference, Row, StoreModel

#: An engine may say NO_SPACE once what it has to hold could need this part of the device.
FULL_FROM = 4


@dataclass(frozen=True, slots=True)
class WrongAnswer:
    """Operation ``op`` answered what the model does not; ``kind`` is ``answer`` or ``no_space``."""

    kind: str
    op: int
    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Nearest:
    """The store that the model allows and that is nearest to what was found: ``model`` after ``done``
    operations."""

    done: int
    differences: list[Difference]
    model: StoreModel


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says of a run; to be closed.

    ``allowed[i]``: the hashes of the stores that are right once ``i`` operations have returned. There is one,
    but after an operation that answered IO, whose effect is right and its absence too, and on an engine that
    is durable on sync, where each store since the last sync is. ``wrong``: answers that no such store gives.
    ``sound``: how many operations model and engine went through together: behind the first mistake of kind
    ``answer``, or where there were too many alternatives to follow, no crash state is judged. ``pending``:
    the operations that answered IO and may have had an effect. ``synced``: the counts of operations at which
    a sync made everything durable; 0 is one.
    """

    lineages: tuple[Lineage, ...]
    allowed: tuple[tuple[Hash, ...], ...]
    wrong: tuple[WrongAnswer, ...]
    sound: int
    pending: tuple[int, ...] = ()
    synced: tuple[int, ...] | None = None

    @property
    def model(self) -> StoreModel:
        """The model after the run; where there are alternatives, that of the first."""
        return self.lineages[0].model

    def close(self) -> None:
        """Lets go of the models; of the methods, none may follow."""
        for lineage in self.lineages:
            lineage.model.close()

    def now(self) -> tuple[Hash, ...]:
        """The store after each number of operations, as far as there is one alone: up to the first that
        answered IO, or wrong."""
        return tuple(self.lineages[0].hashes[: min((self.sound, *self.pending)) + 1])

    def entries(self) -> tuple[Hash, ...]:
        """The hashes of all entries that the store ever held, in any alternative, ascending as numbers of
        128 bits."""
        made = {one for lineage in self.lineages for one in lineage.entries()}
        return tuple(sorted(made, key=lambda one: (one[1], one[0])))

    def nearest(self, done: int, in_flight: bool, rows: Sequence[Row]) -> Nearest:
        """The allowed store with the fewest keys that differ from ``rows``, where ``done`` operations had
        returned and, with ``in_flight``, the next was under way."""
        found = [
            Nearest(count, lineage.model.difference(count, rows), lineage.model)
            for lineage, count in self._candidates(done, done + in_flight)
        ]
        return min(found, key=lambda one: (len(one.differences), -one.done))

    def nearest_now(self, counts: range, rows: Sequence[Row]) -> Nearest:
        """The same among the stores of ``now`` after so many operations."""
        model = self.model
        found = [Nearest(count, model.difference(count, rows), model) for count in counts]
        return min(found, key=lambda one: (len(one.differences), -one.done))

    def counts(self, done: int, in_flight: bool) -> range:
        """After how many operations the stores are that are allowed there, on a device that did not fail."""
        return range(self._kept(done), done + in_flight + 1)

    def words(self, done: int, in_flight: bool) -> str:
        """Which stores are allowed there: ``operation 3 done or not done``."""
        kept = self._kept(done)
        if kept < done:
            text = f"the model after {kept} to {done + in_flight} operations"
        elif in_flight:
            text = f"operation {done} done or not done"
        else:
            text = f"the model after {how_many(done, 'operation')}"
        open_ones = [str(op) for op in self.pending if op < done and len(self.allowed[done]) > 1]
        if open_ones:
            text += f", with and without what answered IO (operation {', '.join(open_ones)})"
        return text

    def _kept(self, done: int) -> int:
        """The last count of operations at which everything was durable."""
        if self.synced is None:
            return done
        return self.synced[bisect.bisect_right(self.synced, done) - 1]

    def _candidates(self, done: int, last: int) -> list[tuple[Lineage, int]]:
        """Each allowed store once: where it is in a model's past."""
        allowed = {*self.allowed[done], *self.allowed[last]}
        found: dict[Hash, tuple[Lineage, int]] = {}
        for lineage in self.lineages:
            for count in range(self._kept(done), min(last + 1, len(lineage.hashes))):
                if lineage.hashes[count] in allowed:
                    found[lineage.hashes[count]] = lineage, count
        return list(found.values())


def predict(
    run: Run,
    operations: Sequence[Op],
    rows: Iterable[Row] = (),
    watch: Watch | None = None,
    *,
    failing: bool = False,
) -> Prediction:
    """Lets the model do what the engine did, from a store that holds ``rows``.

    ``failing``: a device call failed in the run, so that IO is an answer like another; else it is a mistake.
    """
    followed = Alternatives(run, rows, failing=failing)
    allowed = [followed.stores()]
    wrong: list[WrongAnswer] = []
    sound = len(operations)
    for index, op in enumerate(operations):
        if watch is not None:
            watch.beat()
        if followed.too_many:
            sound = min(sound, index)
            allowed.append(allowed[-1])
            continue
        code = run.code(index)
        answer = followed.step(index, op, code)
        allowed.append(followed.stores())
        mistake = None
        if answer is not None:
            mistake = _mistake(code, index, op, answer)
        elif code == "NO_SPACE":
            mistake = _refusal(run, followed.models, index, op)
        if mistake is not None:
            wrong.append(mistake)
            if mistake.kind == "answer":
                sound = min(sound, index)
    return Prediction(
        followed.lineages, tuple(allowed), tuple(wrong), sound, tuple(followed.pending), followed.synced
    )


def _mistake(code: str, index: int, op: Op, answer: Answer) -> WrongAnswer:
    """The code or the answer of operation ``index`` is not what the model says."""
    if code != answer.code:
        wrong = f"answers {code}, expected {answer.code}"
    else:
        wrong = f"answers OK with something else than expected: {answer_text(answer)}"
    return WrongAnswer("answer", index, code, f"operation {index} ({op_text(op)}) {wrong}")


def answer_text(answer: Answer) -> str:
    """The model's answer in a few words."""
    if answer.entries is not None:
        return f"{len(answer.entries)} entries"
    if answer.data is not None:
        return f"{len(answer.data)} bytes"
    if answer.size is not None:
        return f"size {answer.size}"
    return f"time {answer.time}" if answer.time is not None else (answer.kind or "nothing")


def _refusal(run: Run, models: Sequence[StoreModel], index: int, op: Op) -> WrongAnswer | None:
    """A NO_SPACE that the device gives no reason for; for a removal it never does."""
    if op.kind == "remove":
        words = f"operation {index} ({op_text(op)}) answers NO_SPACE, and a removal needs no room"
        return WrongAnswer("no_space", index, "NO_SPACE", words)
    needed = max(_blocks(run, model, op) for model in models)
    if needed * FULL_FROM > run.geometry.block_count:
        return None
    words = (
        f"operation {index} ({op_text(op)}) answers NO_SPACE, though everything together could need at most "
        f"{needed} of {run.geometry.block_count} blocks"
    )
    return WrongAnswer("no_space", index, "NO_SPACE", words)


def _blocks(run: Run, model: StoreModel, op: Op) -> int:
    """A generous count of the blocks that the store needs with the operation's data added."""
    sizes = [(len(row.key), len(row.data or b"")) for row in model.rows()]
    new = (len(op.key) + len(op.target), op.length if op.kind == "allocate" else len(op.data()))
    return blocks_needed(run.geometry, [*sizes, new])


def blocks_needed(geometry: Geometry, sizes: Iterable[tuple[int, int]]) -> int:
    """How many blocks a wasteful engine needs for entries of (key bytes, value bytes)."""
    return 8 + sum(entry_blocks(geometry, key, value) for key, value in sizes)


def entry_blocks(geometry: Geometry, key: int, value: int) -> int:
    """How many blocks a wasteful engine needs for an entry, key and value in bytes.

    The value in blocks of its own, the name and the facts about it twice over in a pair of blocks.
    """
    payload = max(geometry.block_size - 16, 1)
    return 2 + -(-value // payload) + -(-4 * (key + 64) // geometry.block_size)
