# SPDX-License-Identifier: ISC
"""skink and real littlefs at the same work, side by side in one process: what `powercut bench engine` runs.

The passes are made in C (csrc/engines/bench); here is what is measured, and what the figures mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Final, Self

from powercut import littlefs_library
from powercut.errors import PowercutError
from powercut.native import ffi, lib

#: The engines, in the order of the C side's figures.
ENGINES: Final = ("skink", "littlefs")

#: Rows by name: the C side's workload, and what one operation is.
WORKLOADS: Final[dict[str, tuple[str, str]]] = {
    "create": ("BENCH_CREATE", "a value is added, behind all others"),
    "create-scattered": ("BENCH_CREATE_SCATTERED", "a value is added, anywhere"),
    "fill": ("BENCH_CREATE", "a value is added to what was empty"),
    "read": ("BENCH_READ", "a value is read by name"),
    "exists": ("BENCH_EXISTS", "a name is looked up"),
    "overwrite": ("BENCH_OVERWRITE", "a value is replaced"),
    "remove": ("BENCH_REMOVE", "a value is removed"),
    "list": ("BENCH_LIST", "an entry is listed"),
    "write": ("BENCH_WRITE", "a value is replaced"),
    "append": ("BENCH_APPEND", "256 bytes at a value's end, durable"),
    "rewrite": ("BENCH_REWRITE", "256 bytes in a value's middle, durable"),
    "mount": ("BENCH_MOUNT", "open and close"),
    "first-write": ("BENCH_FIRST_WRITE", "the first write after a mount"),
    "full": ("BENCH_FULL", "a value is replaced, 90% of the blocks in use"),
}

#: Rows about one dictionary of many values, in the order in which they share prepared stores.
DIRECTORY_ROWS: Final = (
    "create",
    "create-scattered",
    "fill",
    "read",
    "exists",
    "overwrite",
    "remove",
    "list",
)

KEYS: Final = (100, 1000, 5000, 20_000)
SIZES: Final = (1024, 65_536, 1_048_576)
BLOCK_SIZES: Final = (512, 4096)

#: Above so many keys skink prepares the store for both: littlefs would take minutes.
LITTLEFS_FILLS_AT_MOST: Final = 5000

_DEVICE: Final = 16 << 20
_SMALL_DEVICE: Final = 4 << 20
_PIECE: Final = 256


@dataclass(frozen=True, slots=True)
class Row:
    """One row to be measured; sizes in bytes, ``operations`` in one pass."""

    name: str
    block_size: int
    keys: int
    operations: int
    value_size: int = 64
    device_size: int = _DEVICE
    dictionaries: int = 0
    note: str = ""

    @property
    def title(self) -> str:
        """``create 5000``, ``write 64 KiB``."""
        if self.name in ("write", "rewrite"):
            return f"{self.name} {_size(self.value_size)}"
        if self.name in ("mount", "first-write"):
            return f"{self.name} {self.keys}/{self.dictionaries}"
        return self.name if self.name in ("append", "full") else f"{self.name} {self.keys}"


@dataclass(frozen=True, slots=True)
class Figures:
    """What one engine did in one row. Counts and bytes are those of one pass over all operations.

    ``best_ns`` and ``median_ns``: a whole pass. ``worst_*``: the worst single operation. ``memory_bytes``: in
    use with the store open at the end of a pass; ``memory_empty_bytes``: the same with an empty store.
    """

    ops_per_second: float
    best_ns: int
    median_ns: int
    operations: int
    payload_bytes: int
    reads: int
    progs: int
    erases: int
    syncs: int
    read_bytes: int
    prog_bytes: int
    worst_ns: int
    worst_bytes: int
    memory_bytes: int
    memory_empty_bytes: int
    keys: int

    @property
    def amplification(self) -> float | None:
        """Bytes programmed for each byte that was to be written; None where none was."""
        return self.prog_bytes / self.payload_bytes if self.payload_bytes else None

    @property
    def memory_per_key(self) -> float:
        """Bytes; what an empty store takes is left out."""
        return (self.memory_bytes - self.memory_empty_bytes) / max(self.keys, 1)


@dataclass(frozen=True, slots=True)
class Measured:
    """A row and what came out; ``ratio`` is skink's operations a second by littlefs's."""

    row: str
    block_size: int
    keys: int
    value_size: int
    per_operation: str
    note: str
    skink: Figures
    littlefs: Figures | None
    ratio: float | None


def rows(
    names: Sequence[str], keys: Sequence[int], sizes: Sequence[int], block_sizes: Sequence[int]
) -> Iterator[Row]:
    """The rows of these names, for each block size, and for each dictionary size or value size."""
    for block_size in block_sizes:
        chosen = [name for name in DIRECTORY_ROWS if name in names]
        for count in keys:
            yield from (row for name in chosen for row in _directory_row(name, block_size, count))
        yield from _value_rows(names, sizes, block_size)
        yield from _mount_rows(names, block_size)


def _directory_row(name: str, block_size: int, keys: int) -> Iterator[Row]:
    sampled = min(keys, max(2_500_000 // keys, 10))
    device_size = _SMALL_DEVICE if keys <= 1000 else _DEVICE
    row = Row(name, block_size, keys, sampled, device_size=device_size)
    if keys > LITTLEFS_FILLS_AT_MOST:
        row = replace(row, note="store made by skink")
    if name == "fill":
        if keys == LITTLEFS_FILLS_AT_MOST:
            yield replace(row, operations=keys, note="one timed pass")
    elif name == "list":
        yield replace(row, operations=max(20_000 // keys, 2))
    elif name in ("read", "exists"):
        yield replace(row, operations=max(sampled, 1000 if keys <= 1000 else sampled))
    elif name.startswith("create") and sampled < keys:
        yield replace(row, note=f"the last {sampled}" + (f"; {row.note}" if row.note else ""))
    else:
        yield row


def _value_rows(names: Sequence[str], sizes: Sequence[int], block_size: int) -> Iterator[Row]:
    if "write" in names:
        for size in sizes:
            count = max(min(1000, (8 << 20) // size), 4)
            yield Row("write", block_size, 4, count, size, _SMALL_DEVICE if size <= 1 << 17 else _DEVICE)
    if "append" in names:
        yield Row("append", block_size, 1, 1000, _PIECE, _SMALL_DEVICE, note="littlefs keeps the file open")
    if "rewrite" in names:
        for size in sizes:
            if size > 4 * _PIECE:
                count = max(min(200, (16 << 20) // size), 4)
                yield Row("rewrite", block_size, 1, count, size, note="littlefs keeps the file open")


def _mount_rows(names: Sequence[str], block_size: int) -> Iterator[Row]:
    for name in ("mount", "first-write"):
        if name in names:
            yield Row(name, block_size, 1000, 20, device_size=_SMALL_DEVICE, dictionaries=100)
    if "full" in names:
        blocks = 1024
        yield Row("full", block_size, blocks, 200, 7 * block_size, device_size=blocks * block_size)


class Bench:
    """Both engines, ready to measure; to be closed. ``with_littlefs`` False: skink alone.

    Raises PowercutError: littlefs is not there, or is another one.
    """

    def __init__(self, *, rounds: int = 3, timestamps: bool = False, with_littlefs: bool = True) -> None:
        self._text = ffi.new("char[]", 512)
        self._rounds = rounds
        self._timestamps = timestamps
        self._engines = 3 if with_littlefs else 1
        path = str(littlefs_library.library()).encode() if with_littlefs else ffi.NULL
        self._bench = lib.bench_new(path, self._text, 512)
        if self._bench == ffi.NULL:
            raise PowercutError(f"There is no benchmark without littlefs: {self._said()}.")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Frees the prepared stores; no other method may follow."""
        lib.bench_free(self._bench)
        self._bench = ffi.NULL

    def measure(self, row: Row) -> Measured:
        """Measures one row. Raises PowercutError: an engine failed, or answered what cannot be right."""
        figures = ffi.new("struct bench_figures[2]")
        if lib.bench_measure(self._bench, self._row(row), figures, self._text, 512) != 0:
            raise PowercutError(f"The row {row.title} cannot be measured: {self._said()}.")
        entries = row.keys if row.name == "list" else 1
        skink = _figures(figures[0], entries)
        other = _figures(figures[1], entries) if self._engines == 3 else None
        return Measured(
            row=row.title,
            block_size=row.block_size,
            keys=row.keys,
            value_size=row.value_size,
            per_operation=WORKLOADS[row.name][1],
            note=row.note,
            skink=skink,
            littlefs=other,
            ratio=round(skink.ops_per_second / other.ops_per_second, 3) if other else None,
        )

    def measure_all(self, rows: Iterable[Row]) -> Iterator[Measured]:
        """Measures rows one after the other."""
        return (self.measure(row) for row in rows)

    def _row(self, row: Row) -> Any:
        return ffi.new(
            "struct bench_row *",
            {
                "workload": getattr(lib, WORKLOADS[row.name][0]),
                "keys": row.keys,
                "dictionaries": row.dictionaries,
                "value_size": row.value_size,
                "piece": _PIECE,
                "fill": 90,
                "operations": row.operations,
                "rounds": 1 if row.name == "fill" else self._rounds,
                "timestamps": self._timestamps,
                "skink_fills": row.keys > LITTLEFS_FILLS_AT_MOST,
                "engines": self._engines,
                "geometry": (16, 16, row.block_size, row.device_size // row.block_size, 0xFF),
            },
        )

    def _said(self) -> str:
        return bytes(ffi.string(self._text)).decode("utf-8", "replace")


def _figures(found: Any, entries: int) -> Figures:
    """``entries``: what one call of the C side counts for."""
    operations = int(found.operations) * entries
    counts = found.counts
    return Figures(
        ops_per_second=round(operations * 1e9 / max(int(found.best_ns), 1), 1),
        best_ns=int(found.best_ns),
        median_ns=int(found.median_ns),
        operations=operations,
        payload_bytes=int(found.payload_bytes),
        reads=int(counts.reads),
        progs=int(counts.progs),
        erases=int(counts.erases),
        syncs=int(counts.syncs),
        read_bytes=int(counts.read_bytes),
        prog_bytes=int(counts.prog_bytes),
        worst_ns=int(found.worst_ns),
        worst_bytes=int(found.worst_bytes),
        memory_bytes=int(found.memory_bytes),
        memory_empty_bytes=int(found.empty_bytes),
        keys=int(found.keys),
    )


def _size(size: int) -> str:
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"
