# SPDX-License-Identifier: ISC
"""What the model says of a recorded run: the answers it should give, the stores that it may leave behind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from powercut.engine import Hash, Run, StoreHash, Watch, answer_hash
from powercut.geometry import Geometry
from powercut.ops import Op, clock, op_text
from powercut_models import Answer, Row, StoreModel

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
class Prediction:
    """The model after the run, the hashes of its stores (``allowed[i]``: after i operations), wrong answers.

    ``sound`` is how many operations the model and the engine went through together: behind the first mistake
    of kind ``answer`` they may be apart, and no crash state is judged there.
    """

    model: StoreModel
    allowed: tuple[Hash, ...]
    wrong: tuple[WrongAnswer, ...]
    sound: int


def predict(
    run: Run, operations: Sequence[Op], rows: Iterable[Row] = (), watch: Watch | None = None
) -> Prediction:
    """Lets the model do what the engine did, from a store that holds ``rows``."""
    facts, timestamps = run.facts, "timestamps" in run.engine.capabilities
    model = StoreModel(
        name_max=facts.name_max, value_max=min(facts.value_max, 2**63 - 1), timestamps=timestamps
    )
    model.load(rows)
    store = StoreHash(timestamps=timestamps)
    allowed = [store.change((), model.rows())]
    wrong: list[WrongAnswer] = []
    sound = len(operations)
    for index, op in enumerate(operations):
        if watch is not None:
            watch.beat()
        code = run.code(index)
        answer = _apply(model, index, op, denied="NO_SPACE" if code == "NO_SPACE" else None)
        changed = op.writes and answer.code == "OK"
        allowed.append(store.change(*model.changes(index)) if changed else allowed[-1])
        mistake = _mistake(run, index, op, answer) or _refusal(run, model, index, op, code)
        if mistake is not None:
            wrong.append(mistake)
            if mistake.kind == "answer":
                sound = min(sound, index)
    return Prediction(model, tuple(allowed), tuple(wrong), sound)


def _apply(model: StoreModel, index: int, op: Op, denied: str | None) -> Answer:
    return model.apply(
        op.kind,
        op.key,
        target=op.target,
        off=op.off,
        length=op.length,
        data=op.data(),
        time=clock(index),
        denied=denied,
    )


def _mistake(run: Run, index: int, op: Op, answer: Answer) -> WrongAnswer | None:
    """Where the code or the answer of operation ``index`` is not the model's."""
    code = run.code(index)
    if code != answer.code:
        wrong = f"answers {code}, expected {answer.code}"
    elif code != "OK" or op.writes or run.reply(index) == expected_reply(op.kind, answer):
        return None
    else:
        wrong = f"answers OK with something else than expected: {answer_text(answer)}"
    return WrongAnswer("answer", index, code, f"operation {index} ({op_text(op)}) {wrong}")


def expected_reply(kind: str, answer: Answer) -> Hash:
    """The hash of what the model answers to an operation that reads."""
    if kind == "exists":
        return answer_hash(kind, {"value": 1, "dictionary": 2}.get(answer.kind or "", 0))
    if kind == "size":
        return answer_hash(kind, answer.size or 0)
    if kind == "last_modified":
        days, picoseconds = answer.time or (0, 0)
        return answer_hash(kind, days, picoseconds)
    if kind == "list":
        return answer_hash(kind, data=b"".join(_list_entry(*entry) for entry in answer.entries or ()))
    return answer_hash(kind, data=answer.data or b"")


def _list_entry(name: bytes, kind: str) -> bytes:
    return bytes([1 if kind == "value" else 2]) + len(name).to_bytes(4, "little") + name


def answer_text(answer: Answer) -> str:
    """The model's answer in a few words."""
    if answer.entries is not None:
        return f"{len(answer.entries)} entries"
    if answer.data is not None:
        return f"{len(answer.data)} bytes"
    if answer.size is not None:
        return f"size {answer.size}"
    return f"time {answer.time}" if answer.time is not None else (answer.kind or "nothing")


def _refusal(run: Run, model: StoreModel, index: int, op: Op, code: str) -> WrongAnswer | None:
    """A NO_SPACE that the device gives no reason for."""
    if code != "NO_SPACE" or not _roomy(run, model, op):
        return None
    words = (
        f"operation {index} ({op_text(op)}) answers NO_SPACE, though everything together could need at most "
        f"{_blocks(run, model, op)} of {run.geometry.block_count} blocks"
    )
    return WrongAnswer("no_space", index, code, words)


def _roomy(run: Run, model: StoreModel, op: Op) -> bool:
    return _blocks(run, model, op) * FULL_FROM <= run.geometry.block_count


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
