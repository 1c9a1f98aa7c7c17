# SPDX-License-Identifier: ISC
"""The tables: every entry that ever was, with the operation that made it and the one that took it away.

A row of `entry` lives after the operations born, born + 1, ... up to died - 1; died is NULL while it lives
on, and born is -1 for what was there before operation 0. The state after `at` operations is one query.
"""

import functools
import hashlib
import sqlite3
from collections.abc import Iterator
from typing import Final, NamedTuple

from powercut_models.keys import parent

_SCHEMA: Final = """
CREATE TABLE content (              -- the bytes of values, each once
    id INTEGER PRIMARY KEY,
    sha256 BLOB NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE TABLE entry (
    path BLOB NOT NULL,             -- keys.py: sorts by segments
    parent BLOB NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('value', 'dictionary')),
    content INTEGER REFERENCES content (id),  -- NULL for a dictionary
    moment BLOB,                    -- big-endian days (4 bytes), picoseconds (8 bytes): sorts by time
    born INTEGER NOT NULL,
    died INTEGER,
    CHECK ((kind = 'value') = (content IS NOT NULL)),
    CHECK (died > born)
);
CREATE UNIQUE INDEX living ON entry (path) WHERE died IS NULL;
CREATE INDEX children ON entry (parent, path) WHERE died IS NULL;
CREATE INDEX births ON entry (born);
CREATE INDEX deaths ON entry (died) WHERE died IS NOT NULL;
CREATE TABLE found (                -- what an engine shows, for one comparison
    path BLOB NOT NULL,
    kind TEXT NOT NULL,
    content INTEGER,
    moment BLOB,
    nth INTEGER NOT NULL            -- 0, or 1.. where a key is shown again
);
"""

_AT: Final = "born < :at AND (died IS NULL OR died >= :at)"
_COLUMNS: Final = "path, kind, data, moment"
_ROWS: Final = f"SELECT {_COLUMNS} FROM entry LEFT JOIN content ON content = id WHERE"
_EXPECTED: Final = f"SELECT path, kind, content, moment, 0 AS nth FROM entry WHERE {_AT}"
_FOUND: Final = "SELECT path, kind, content, moment, nth FROM found"
#: What differs between the store after ``:at`` operations and the rows of ``found``.
DIFFERENCE: Final = f"""
WITH expected AS ({_EXPECTED}),
    missing AS (SELECT * FROM expected EXCEPT {_FOUND}),
    surplus AS ({_FOUND} EXCEPT SELECT * FROM expected)
SELECT {_COLUMNS}, nth, 'expected' AS side FROM missing LEFT JOIN content ON content = id
UNION ALL
SELECT {_COLUMNS}, nth, 'found' AS side FROM surplus LEFT JOIN content ON content = id
ORDER BY path, nth, side
"""


class Stored(NamedTuple):
    """One row as the tables hold it."""

    path: bytes
    kind: str
    data: bytes | None
    moment: bytes | None


class Living(NamedTuple):
    """An entry that is there now; content is the row number of its bytes."""

    kind: str
    content: int | None
    moment: bytes | None


@functools.cache
def _empty() -> sqlite3.Connection:
    """The tables without a row, made once: a copy takes a third of the time that making them does."""
    made = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    made.executescript(_SCHEMA)
    return made


class History:
    """The database and the few statements that read and change it. Knows nothing of result codes."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None, cached_statements=256)
        _empty().backup(self._db)
        self._run = self._db.execute
        self._run("PRAGMA journal_mode = OFF")
        self._run("BEGIN")

    def copy(self) -> "History":
        """The same past once more, to go on in another way."""
        twin = History()
        for history in (self, twin):  # no copy is made of, or onto, a database with open changes
            history._run("COMMIT")
        self._db.backup(twin._db)
        for history in (self, twin):
            history._run("BEGIN")
        return twin

    def close(self) -> None:
        """Lets go of the database."""
        self._db.close()

    # --- values ------------------------------------------------------------------------------------

    def intern(self, data: bytes) -> int:
        """The number of a value's bytes, stored now if they are new."""
        sha256 = hashlib.sha256(data).digest()
        known = self._run("SELECT id FROM content WHERE sha256 = ?", (sha256,)).fetchone()
        if known is not None:
            return int(known[0])
        added = self._run(
            "INSERT INTO content (sha256, size, data) VALUES (?, ?, ?)", (sha256, len(data), data)
        )
        assert added.lastrowid is not None
        return added.lastrowid

    def data(self, content: int) -> bytes:
        """The bytes of a value."""
        return bytes(self._run("SELECT data FROM content WHERE id = ?", (content,)).fetchone()[0])

    def size(self, content: int) -> int:
        """The bytes in a value."""
        return int(self._run("SELECT size FROM content WHERE id = ?", (content,)).fetchone()[0])

    # --- what is there now -------------------------------------------------------------------------

    def living(self, path: bytes) -> Living | None:
        """The entry at a path, or None. The root has no row."""
        row = self._run(
            "SELECT kind, content, moment FROM entry WHERE path = ? AND died IS NULL", (path,)
        ).fetchone()
        return None if row is None else Living(*row)

    def children(self, path: bytes) -> list[tuple[bytes, str]]:
        """(path, kind) of the direct entries of a dictionary, sorted."""
        return self._run(
            "SELECT path, kind FROM entry WHERE parent = ? AND died IS NULL ORDER BY path", (path,)
        ).fetchall()

    def size_below(self, path: bytes) -> int:
        """The bytes of all values below a dictionary."""
        row = self._run(
            "SELECT coalesce(sum(size), 0) FROM entry JOIN content ON content = id"
            " WHERE died IS NULL AND path > ? AND path < ?",
            (path, path + b"\1"),
        ).fetchone()
        return int(row[0])

    def newest(self, path: bytes) -> bytes | None:
        """The greatest moment among the direct values of a dictionary."""
        row = self._run("SELECT max(moment) FROM entry WHERE parent = ? AND died IS NULL", (path,)).fetchone()
        return None if row[0] is None else bytes(row[0])

    def digests_below(self, path: bytes) -> list[tuple[bytes, bytes | None]]:
        """(path, a value's SHA-256) of all below a dictionary, children before parents, names
        falling."""
        return self._run(
            "SELECT path, sha256 FROM entry LEFT JOIN content ON content = id"
            " WHERE died IS NULL AND path > ? AND path < ? ORDER BY path DESC",
            (path, path + b"\1"),
        ).fetchall()

    # --- changes -----------------------------------------------------------------------------------

    def bear(self, path: bytes, entry: Living, born: int) -> None:
        """A new entry at a path where none lives."""
        self._run(
            "INSERT INTO entry (path, parent, kind, content, moment, born) VALUES (?, ?, ?, ?, ?, ?)",
            (path, parent(path), *entry, born),
        )

    def kill(self, path: bytes, died: int) -> None:
        """The entry at a path and all below it is gone from operation `died` on."""
        self._run(
            "UPDATE entry SET died = ? WHERE died IS NULL AND path >= ? AND path < ?",
            (died, path, path + b"\1"),
        )

    def move(self, source: bytes, target: bytes, op: int) -> None:
        """The entry at source and all below it dies, and is born again under target, in operation `op`."""
        self.kill(source, op)
        self._run(
            "INSERT INTO entry (path, parent, kind, content, moment, born)"
            " SELECT CAST(:target || substr(path, :after) AS BLOB),"
            " CASE WHEN path = :source THEN :parent ELSE CAST(:target || substr(parent, :after) AS BLOB) END,"
            " kind, content, moment, :op FROM entry"
            " WHERE died = :op AND path >= :source AND path < :high",
            {
                "source": source,
                "target": target,
                "parent": parent(target),
                "after": len(source) + 1,
                "high": source + b"\1",
                "op": op,
            },
        )

    # --- what was there then -----------------------------------------------------------------------

    def rows(self, at: int) -> Iterator[Stored]:
        """The entries after `at` operations, sorted."""
        return map(Stored._make, self._run(f"{_ROWS} {_AT} ORDER BY path", {"at": at}))

    def deaths(self, op: int) -> Iterator[Stored]:
        """The entries that operation `op` took away, sorted."""
        return map(Stored._make, self._run(f"{_ROWS} died = ? ORDER BY path", (op,)))

    def births(self, op: int) -> Iterator[Stored]:
        """The entries that operation `op` made, sorted."""
        return map(Stored._make, self._run(f"{_ROWS} born = ? ORDER BY path", (op,)))

    def difference(self, at: int, found: list[Stored]) -> Iterator[tuple[Stored, int, str]]:
        """EXCEPT both ways: (row, nth, "expected" or "found"), sorted; nth > 0 for a key that was shown
        again."""
        shown: dict[bytes, int] = {}
        self._run("DELETE FROM found")
        for row in found:
            nth = shown[row.path] = shown.get(row.path, -1) + 1
            content = None if row.data is None else self.intern(row.data)
            self._run(
                "INSERT INTO found VALUES (?, ?, ?, ?, ?)", (row.path, row.kind, content, row.moment, nth)
            )
        for *columns, nth, side in self._run(DIFFERENCE, {"at": at}):
            yield Stored._make(columns), nth, side
