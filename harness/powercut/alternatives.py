# SPDX-License-Identifier: ISC
"""The stores that may be the right one: a single one, till an operation answers IO or needs a sync to last.

An operation that answered IO is pending: its effect is right, and its absence too, but one of them for good.
So there are two stores from then on, and each later answer that fits only some of them leaves those alone. On
an engine that is durable on sync a power cut may leave any store since the last sync that returned OK.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from powercut.engine import Run
from powercut.hashes import Hash, StoreHash, answer_hash
from powercut.ops import Op, clock
from powercut_models import Answer, Row, StoreModel

#: How many stores are followed at once; a run that needs more is judged up to there.
ALTERNATIVES_MAX = 64


@dataclass(slots=True, eq=False)
class Lineage:
    """One store with its past: ``hashes[i]``: after ``i`` operations; it ends where an answer ruled it out.

    ``window``: the hashes that a power cut may leave behind: since the last sync, where that makes durable.
    """

    model: StoreModel
    store: StoreHash
    hashes: list[Hash] = field(default_factory=list)
    window: tuple[Hash, ...] = ()

    def fork(self) -> Lineage:
        """The same past, to go on apart."""
        return Lineage(self.model.fork(), self.store.copy(), list(self.hashes), self.window)

    def entries(self) -> Iterable[Hash]:
        """The hash of each entry that there ever was; some more than once."""
        yield from map(self.store.entry, self.model.rows(0))
        for op in range(len(self.hashes) - 1):
            yield from map(self.store.entry, self.model.changes(op)[1])


class Alternatives:
    """Follows a recorded run with as many models as it takes.

    ``failing``: the device may have failed, so that IO is an answer. ``pending``: the operations that
    answered it and may have had an effect. ``lineages``: all that there were, first those that still are.
    ``too_many``: there are more than can be followed; no step may be taken.
    """

    def __init__(self, run: Run, rows: Iterable[Row], *, failing: bool) -> None:
        facts, self._timestamps = run.facts, "timestamps" in run.engine.capabilities
        limits = facts.name_max, min(facts.value_max, 2**63 - 1)
        model = StoreModel(name_max=limits[0], value_max=limits[1], timestamps=self._timestamps)
        model.load(rows)
        store = StoreHash(timestamps=self._timestamps)
        first = store.change((), model.rows())
        self._run = run
        self._failing = failing
        self._synced = [0] if "sync" in run.engine.capabilities else None
        self._living = [Lineage(model, store, [first], (first,))]
        self._ended: list[Lineage] = []
        self.pending: list[int] = []
        self.too_many = False

    @property
    def lineages(self) -> tuple[Lineage, ...]:
        """See above."""
        return (*self._living, *self._ended)

    @property
    def models(self) -> list[StoreModel]:
        """Those that still go on."""
        return [lineage.model for lineage in self._living]

    @property
    def synced(self) -> tuple[int, ...] | None:
        """The counts of operations at which everything was durable; None: each is."""
        return None if self._synced is None else tuple(self._synced)

    def stores(self) -> tuple[Hash, ...]:
        """The hashes of the stores that a power cut may leave behind now, each once."""
        if len(self._living) == 1:
            return self._living[0].window
        return tuple(dict.fromkeys(one for lineage in self._living for one in lineage.window))

    def step(self, index: int, op: Op, code: str) -> Answer | None:
        """Operation ``index``, which answered ``code``: None if that is right, else what is expected."""
        if code == "IO" and self._failing:
            self._pend(index, op)
            return None
        denied = "NO_SPACE" if code == "NO_SPACE" else None
        if len(self._living) == 1:
            return self._step_alone(index, op, code, denied)
        answers = [_apply(lineage.model, index, op, denied) for lineage in self._living]
        fits = [self._fits(index, op, code, answer) for answer in answers]
        for lineage, answer in zip(self._living, answers, strict=True):
            self._note(lineage, index, changed=op.writes and answer.code == "OK")
        if not any(fits):
            return next((one for one in answers if one.code == code), answers[0])
        self._rule_out(fits)
        self._sync(index, op, code)
        return None

    def _step_alone(self, index: int, op: Op, code: str, denied: str | None) -> Answer | None:
        """The same without alternatives, which is what nearly every step is."""
        (lineage,) = self._living
        answer = _apply(lineage.model, index, op, denied)
        self._note(lineage, index, changed=op.writes and answer.code == "OK")
        if not self._fits(index, op, code, answer):
            return answer
        self._sync(index, op, code)
        return None

    def _fits(self, index: int, op: Op, code: str, answer: Answer) -> bool:
        if op.kind == "sync" and self._synced is None:
            return True  # asked of an engine that promises more: its answer means nothing
        if code != answer.code:
            return False
        return code != "OK" or op.writes or self._run.reply(index) == expected_reply(op.kind, answer)

    def _note(self, lineage: Lineage, index: int, *, changed: bool) -> None:
        """Takes down the store that operation ``index`` left."""
        now = lineage.hashes[-1]
        if changed:
            now = lineage.store.change(*lineage.model.changes(index))
            if self._synced is None:
                lineage.window = (now,)
            elif now not in lineage.window:
                lineage.window += (now,)
        lineage.hashes.append(now)

    def _rule_out(self, fits: list[bool]) -> None:
        """Leaves those that fit; of equal ones the first."""
        kept: dict[Hash, Lineage] = {}
        for lineage, fit in zip(self._living, fits, strict=True):
            same = kept.setdefault(lineage.hashes[-1], lineage) if fit else None
            if same is not lineage:
                self._ended.append(lineage)
            if same is not None and same is not lineage:
                same.window = tuple(dict.fromkeys(same.window + lineage.window))
        self._living = list(kept.values())

    def _pend(self, index: int, op: Op) -> None:
        """Operation ``index`` answered IO: each store goes on without its effect, and with it."""
        before, forked = list(self._living), False
        for lineage in before:
            twin = lineage.fork() if op.writes else None
            refusal = _apply(lineage.model, index, op, "IO").code != "IO"
            self._note(lineage, index, changed=False)
            if twin is None:
                continue
            if not refusal:
                _apply(twin.model, index, op, None)
                self._note(twin, index, changed=True)
            if refusal or twin.hashes[-1] == lineage.hashes[-1]:
                twin.model.close()
                continue
            self._living.append(twin)
            forked = True
        if forked:
            self.pending.append(index)
            self._rule_out([True] * len(self._living))
        self.too_many = len(self._living) > ALTERNATIVES_MAX

    def _sync(self, index: int, op: Op, code: str) -> None:
        """Where operation ``index`` was a sync: what is there now is there for good."""
        if self._synced is not None and op.kind == "sync" and code == "OK":
            self._synced.append(index + 1)
            for lineage in self._living:
                lineage.window = (lineage.hashes[-1],)


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
    if kind == "sync":
        return 0, 0
    return answer_hash(kind, data=answer.data or b"")


def _list_entry(name: bytes, kind: str) -> bytes:
    return bytes([1 if kind == "value" else 2]) + len(name).to_bytes(4, "little") + name
