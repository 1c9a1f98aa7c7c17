# SPDX-License-Identifier: ISC
"""The store's contract in SQL: what every operation answers, and what the store holds after it.

Where the contract leaves an order open, this model decides (docs/model.md gives the same list with the
reasons):

1.  Keys are judged before the store is looked at. The leftmost bad segment decides; in one and the same
    segment INVALID_KEY (`.`, `..`, a NUL) goes before NAME_TOO_LONG.
2.  `rename` judges the source key, then the target key, then does the contract's five steps in their order.
3.  On the way the first segment that is not a dictionary decides: a value is DICTIONARY_EXPECTED; nothing is
    NOT_FOUND for a reader and an implied dictionary for a writer. `exists` answers OK and no kind for both.
4.  `remove` below a value is DICTIONARY_EXPECTED, below nothing OK.
5.  VALUE_TOO_LARGE comes after the codes of key, way and binding, and is about the size the value would then
    have.
6.  `set_partial` and `allocate` imply parents as `set` does.
7.  A write that leaves a value's bytes as they were (`set_partial` of no bytes, too) renews its timestamp.
8.  `last_modified` of a dictionary is OK and the epoch where no direct value has a timestamp.
9.  All of these go before NO_SPACE, NO_MEMORY and IO.
"""

from collections.abc import Iterable
from typing import Self

from powercut_models.codes import CODES, DICTIONARY, OPERATIONS, VALUE, RefusedError
from powercut_models.history import History
from powercut_models.keys import ancestors, parse_key, path_key
from powercut_models.operations import Call, Operations
from powercut_models.rows import EPOCH, Answer, Difference, Row, Time, pack_time, row_of, stored_of


class StoreModel:
    """The store as the contract has it, with its whole past.

    name_max: bytes in a segment; value_max: bytes in a value; timestamps False: a store without timestamps,
    whose rows have no time and whose comparisons look at none.
    """

    def __init__(self, *, name_max: int = 255, value_max: int = 2**31 - 1, timestamps: bool = True) -> None:
        self._timestamps = timestamps
        self._limits = name_max, value_max
        self._history = History()
        self._operations = Operations(self._history, *self._limits)
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the database; no other method may follow."""
        self._history.close()

    def fork(self) -> Self:
        """A second model with the same past, for what may have been done and may not: the two go on apart."""
        twin = type(self)(name_max=self._limits[0], value_max=self._limits[1], timestamps=self._timestamps)
        twin._history.close()
        twin._history = self._history.copy()
        twin._operations = Operations(twin._history, *self._limits)
        twin._count = self._count
        return twin

    @property
    def count(self) -> int:
        """How many operations were applied."""
        return self._count

    def load(self, rows: Iterable[Row]) -> None:
        """Puts in what the store held before operation 0, in any order. Missing parents are made.

        Raises ValueError after the first operation, for a key that cannot be or is bound twice, and for an
        entry below a value.
        """
        if self._count:
            raise ValueError("load() comes before the first operation")
        for row in rows:
            self._load_row(row)

    def apply(
        self,
        kind: str,
        key: bytes,
        *,
        target: bytes = b"",
        off: int = 0,
        length: int = 0,
        data: bytes = b"",
        time: Time = EPOCH,
        denied: str | None = None,
    ) -> Answer:
        """Does one operation and says what it answers. Each call is one operation number, from 0, reads too.

        key, target: rename's source and target; off, length: bytes (get_partial; off for set_partial; length
        for allocate's size); data: set, set_partial; time: the clock's, for what is written. denied: the code
        with which an engine refused: what would have been OK then has no effect and answers that code. Raises
        ValueError for an unknown kind or code, a negative off or length, a time that does not fit.
        """
        if kind not in OPERATIONS:
            raise ValueError(f"{kind!r} is no operation; there are {', '.join(OPERATIONS)}")
        if denied is not None and (denied not in CODES or denied == "OK"):
            raise ValueError(f"{denied!r} is no code of refusal")
        if off < 0 or length < 0:
            raise ValueError(f"off and length are not negative: {off}, {length}")
        moment = pack_time(time) if self._timestamps else None
        number = self._count
        self._count += 1
        try:
            return self._operations.do(Call(kind, key, target, off, length, data, moment), number, denied)
        except RefusedError as refusal:
            return Answer(refusal.code)

    def rows(self, at: int | None = None) -> list[Row]:
        """The store after `at` operations (0: as it was loaded; default: after all), sorted by key
        segments."""
        return [row_of(stored) for stored in self._history.rows(self._state(at))]

    def changes(self, op: int) -> tuple[list[Row], list[Row]]:
        """(rows that died, rows that were born) in operation `op` (from 0), each sorted by key segments."""
        if not 0 <= op < self._count:
            raise ValueError(f"operation {op} was not applied; there are {self._count}")
        history = self._history
        died = [row_of(stored) for stored in history.deaths(op)]
        return died, [row_of(stored) for stored in history.births(op)]

    def difference(self, at: int, found: Iterable[Row]) -> list[Difference]:
        """Where `found` is not the store after `at` operations, sorted by key segments; empty where it is."""
        shown = [stored_of(row, timestamps=self._timestamps) for row in found]
        sides: dict[tuple[bytes, int], dict[str, Row]] = {}
        for stored, nth, side in self._history.difference(self._state(at), shown):
            sides.setdefault((stored.path, nth), {})[side] = row_of(stored)
        return [
            Difference(path_key(path), pair.get("expected"), pair.get("found"))
            for (path, _), pair in sides.items()
        ]

    def _state(self, at: int | None) -> int:
        if at is None:
            return self._count
        if not 0 <= at <= self._count:
            raise ValueError(f"there is no state after {at} operations; {self._count} were applied")
        return at

    def _load_row(self, row: Row) -> None:
        if (row.kind, row.data is None) not in ((VALUE, False), (DICTIONARY, True)):
            raise ValueError(f"cannot load {row.key!r}: a value has bytes and a dictionary has none")
        try:
            path = parse_key(row.key, 2**31)
        except RefusedError as refusal:
            raise ValueError(f"cannot load {row.key!r}: {refusal.code}") from None
        above = [self._history.living(way) for way in ancestors(path)]
        bound = self._history.living(path)
        taken = bound is not None and not bound.kind == row.kind == DICTIONARY
        if not path or taken or any(way is not None and way.kind == VALUE for way in above):
            raise ValueError(f"cannot load {row.key!r}: it, or a segment of it, is bound already")
        moment = stored_of(row, timestamps=self._timestamps).moment
        self._operations.put(path, row.kind, row.data, moment, -1)
