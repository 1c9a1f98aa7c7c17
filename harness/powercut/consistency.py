# SPDX-License-Identifier: ISC
"""Whether an image is sound, and a sound image out of one that is not: what `powercut check` does.

skink is asked first; where it refuses the image, or a value in it, the reader in `powercut_models`
says what is wrong and where, and what can be read all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from powercut.errors import PowercutError
from powercut.moments import Time
from powercut.native import code_name, ffi, lib
from powercut.ops import key_text
from powercut_models.image import Entry, ImageError, find_geometry, read_image
from powercut_models.salvage import Problem, Salvage, salvage

_CHECK_ATTRIBUTE = 0x76  # skink's own, see docs/format.md
_CITED = re.compile(r"(I\d+): (.*)", re.DOTALL)
_PAIR = re.compile(r"pair \{(\d+), (\d+)\}")
_BLOCK = re.compile(r"[Bb]lock (\d+)\b")
#: Which invariant a sentence of the independent reader is about, by its words; the first that fits.
_RULES = (
    ("I25", re.compile(r"superblock|name_max|file_max|on-disk version")),
    ("I6", re.compile(r"global state")),
    ("I4", re.compile(r"list of metadata pairs|null block|tail")),
    ("I24", re.compile(r"pointers disagree|do not add up|more than the image's blocks|not that large")),
    (
        "I1",
        re.compile(r"belongs to|reached twice|comes back to itself|names block|lies past|another value's"),
    ),
    ("I5", re.compile(r"two entries|is there twice|no name")),
)
_ELSE = "I23"  # what a pair's tags say


@dataclass(frozen=True, slots=True)
class Finding:
    """What is not as it has to be. invariant: its number in docs/invariants.md; key, pair, block: where
    it is, as far as that is known."""

    invariant: str
    sentence: str
    key: bytes | None = None
    pair: tuple[int, int] | None = None
    block: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """findings: none for a sound image; pending: whether a power cut left work that the first write will do;
    unreadable: the values that skink answers CORRUPT for; value_checks: whether values have checksums."""

    findings: tuple[Finding, ...]
    pending: bool
    unreadable: frozenset[bytes]
    value_checks: bool
    opens: bool


@dataclass(frozen=True, slots=True)
class Repaired:
    """data: the new image; kept: how many entries it has; lost: what is not in it, in words, by key."""

    data: bytes
    kept: int
    lost: tuple[tuple[bytes, str], ...]


class _Store:
    """skink over a copy of an image in memory; a context manager. code: what opening answered."""

    def __init__(self, data: bytes, shape: Any, *, flags: int = 0, now: Time | None = None) -> None:
        self._bytes = bytearray(data)
        self._memory = ffi.from_buffer("uint8_t[]", self._bytes, require_writable=True)
        self._device = ffi.new("struct bd *")
        self._clock = ffi.new_handle(lambda: self.now)
        self.now: Time = now or (0, 0)
        if lib.bd_ram_wrap(shape, self._memory, self._device) != lib.BD_OK:
            raise PowercutError("There is not enough memory to hold the image.")
        config = ffi.new("struct skink_config *", {"device": self._device, "flags": flags})
        if now is not None:
            config.now, config.now_ctx = lib.py_on_now, self._clock
        self._config = config
        found = ffi.new("struct skink **")
        self.code = int(lib.skink_open(config, found))
        self.store = found[0] if self.code == lib.SKINK_OK else ffi.NULL

    def __enter__(self) -> _Store:
        return self

    def __exit__(self, *_: object) -> None:
        lib.skink_close(self.store)
        lib.bd_close(self._device)

    def image(self) -> bytes:
        """The device's bytes as they are now."""
        return bytes(self._bytes)


# --- looking --------------------------------------------------------------------------------------------


def examine(data: bytes, shape: Any) -> Report:
    """Looks at an image whose geometry (a struct bd_geometry) is known. Writes nothing."""
    with _Store(data, shape, flags=lib.SKINK_OPEN_READ_ONLY) as store:
        if store.code != lib.SKINK_OK:
            findings = _refused(data, shape, store.code)
            return Report(findings, False, frozenset(), _has_checks(data, shape), False)
        stat = ffi.new("struct skink_stat *")
        findings = tuple(_engine_check(store))
        bad = _bad_values(store)
        if lib.skink_stat(store.store, stat) != lib.SKINK_OK and not findings:
            findings = (Finding("I1", "the blocks in use cannot be counted"),)
        findings += tuple(_value_finding(key, data, shape) for key in bad)
        if findings:
            findings += tuple(_reader_findings(data, shape, findings))
        return Report(findings, bool(stat.pending), frozenset(bad), bool(stat.value_checks), True)


def _engine_check(store: _Store) -> Iterator[Finding]:
    text = ffi.new("char[]", 400)
    code = int(lib.skink_check(store.store, text, 400))
    if code == lib.SKINK_OK:
        return
    sentence = bytes(ffi.string(text)).decode("utf-8", "replace") or f"the check answers {code_name(code)}"
    cited = _CITED.fullmatch(sentence)
    yield Finding(cited[1] if cited else "I22", cited[2] if cited else sentence)


def _bad_values(store: _Store) -> list[bytes]:
    """The keys whose values skink does not serve."""
    bad: list[bytes] = []

    def look(entry: Any) -> int:
        if entry.kind != lib.SKINK_VALUE:
            return 0
        key = bytes(ffi.buffer(entry.name, entry.name_len))
        if entry.size > limit or (
            lib.skink_entry_read(store.store, entry, ffi.new("uint8_t[]", int(entry.size) or 1))
            != lib.SKINK_OK
        ):
            bad.append(key)
        return 0

    limit = len(store.image())
    handle = ffi.new_handle(look)
    lib.skink_visit(store.store, lib.py_on_entry, handle)
    return bad


def _value_finding(key: bytes, data: bytes, shape: Any) -> Finding:
    try:
        problems = salvage(data, int(shape.block_size)).problems
    except ImageError:
        problems = ()
    sentence = next((problem.sentence for problem in problems if problem.key == key), None)
    if sentence is None:
        return Finding("I24", "the value's bytes do not have the checksum that was taken of them", key)
    return _placed(Problem(sentence, key))


def _refused(data: bytes, shape: Any, code: int) -> tuple[Finding, ...]:
    found = tuple(_reader_findings(data, shape, ()))
    return found or (
        Finding("I22", f"skink answers {code_name(code)} to the image, and the other reader takes it"),
    )


def _reader_findings(data: bytes, shape: Any, known: tuple[Finding, ...]) -> Iterator[Finding]:
    """What the independent reader objects to: first the strict one, then the lenient one."""
    told = {(finding.key, finding.sentence) for finding in known}
    try:
        read_image(data, int(shape.block_size))
    except ImageError as error:
        yield _placed(Problem(str(error)))
    except RecursionError:
        return
    try:
        problems = salvage(data, int(shape.block_size)).problems
    except ImageError:
        return
    for problem in problems:
        if (problem.key, problem.sentence) not in told:
            told.add((problem.key, problem.sentence))
            yield _placed(problem)


def _placed(problem: Problem) -> Finding:
    """A problem with its invariant's number, and the place that its words name."""
    rule = next((number for number, words in _RULES if words.search(problem.sentence)), _ELSE)
    pair = _PAIR.search(problem.sentence)
    block = _BLOCK.search(problem.sentence)
    where = problem.pair or ((int(pair[1]), int(pair[2])) if pair else None)
    return Finding(rule, problem.sentence, problem.key, where, int(block[1]) if block else None)


def _has_checks(data: bytes, shape: Any) -> bool:
    try:
        return _CHECK_ATTRIBUTE in salvage(data, int(shape.block_size)).root_attrs
    except ImageError:
        return False


# --- repairing ------------------------------------------------------------------------------------------


def settle(data: bytes, shape: Any) -> bytes:
    """A sound image with its pending work done. Raises PowercutError."""
    with _Store(data, shape) as store:
        code = store.code if store.code != lib.SKINK_OK else int(lib.skink_settle(store.store))
        if code != lib.SKINK_OK:
            raise PowercutError(f"The pending work cannot be done: skink answers {code_name(code)}.")
        return store.image()


def rescue(data: bytes, shape: Any, report: Report) -> Repaired:
    """A new image of the same geometry with everything in it that can be read.

    Raises PowercutError where not even a superblock can be read.
    """
    try:
        found = salvage(data, int(shape.block_size))
    except ImageError as error:
        raise PowercutError(f"Nothing can be saved: {error}.") from error
    lost = [(problem.key or b"", problem.sentence) for problem in found.problems if problem.key is not None]
    entries = []
    for entry in found.entries:
        if entry.key not in report.unreadable:
            entries.append(entry)
        elif all(key != entry.key for key, _ in lost):
            lost.append((entry.key, "its bytes do not have the checksum that was taken of them"))
    return _write(_formatted(data, shape, found, report.value_checks), shape, found, entries, lost)


def _formatted(data: bytes, shape: Any, found: Salvage, checks: bool) -> bytes:
    """An empty image with the old one's limits, as far as skink has them."""
    superblock = found.superblock
    name_max = min(superblock.name_max, int(lib.skink_name_limit(shape.block_size)))
    flags = lib.SKINK_FORMAT_2_0 if superblock.version == (2, 0) else 0
    flags |= lib.SKINK_FORMAT_VALUE_CHECKS if checks else 0
    memory = bytearray(b"\xff") * len(data)
    device = ffi.new("struct bd *")
    options = ffi.new(
        "struct skink_format_options *", {"name_max": name_max, "value_max": superblock.file_max}
    )
    options.flags = flags
    view = ffi.from_buffer("uint8_t[]", memory, require_writable=True)
    lib.bd_ram_wrap(shape, view, device)
    code = int(lib.skink_format(device, ffi.NULL, options))
    lib.bd_close(device)
    if code != lib.SKINK_OK:
        raise PowercutError(
            f"An image of this geometry cannot be made anew: skink answers {code_name(code)}."
        )
    return bytes(memory)


def _write(
    empty: bytes, shape: Any, found: Salvage, entries: list[Entry], lost: list[tuple[bytes, str]]
) -> Repaired:
    """Dictionaries and values without a time come first, from a store without a clock; then the others."""
    timed = [entry for entry in entries if entry.time is not None]
    kept = 0
    stay = lib.SKINK_OPEN_STAY_2_0
    with _Store(empty, shape, flags=stay) as store:
        _put_attributes(store, b"", found.root_attrs, lost)
        for entry in entries:
            if entry.time is None:
                kept += _put(store, entry, lost)
        data = store.image()
    with _Store(data, shape, flags=stay, now=(0, 0)) as store:
        for entry in timed:
            store.now = entry.time or (0, 0)
            kept += _put(store, entry, lost)
        data = store.image()
    return Repaired(data, kept, tuple(sorted(lost)))


def _put(store: _Store, entry: Entry, lost: list[tuple[bytes, str]]) -> int:
    """1 if the entry is in the new store, else 0 and a line among what is lost."""
    key = entry.key
    if entry.data is not None:
        code = int(lib.skink_set(store.store, key, len(key), entry.data, len(entry.data)))
    else:
        below = key + b"/x"  # a dictionary comes with what is put into it, and stays when that goes
        code = int(lib.skink_set(store.store, below, len(below), b"", 0))
        if code == lib.SKINK_OK:
            code = int(lib.skink_remove(store.store, below, len(below)))
    if code != lib.SKINK_OK:
        lost.append((key, f"it can be read, but not be written anew: {code_name(code)}"))
        return 0
    _put_attributes(store, key, entry.attrs, lost)
    return 1


def _put_attributes(
    store: _Store, key: bytes, attrs: dict[int, bytes], lost: list[tuple[bytes, str]]
) -> None:
    for kind, data in sorted(attrs.items()):
        if kind == _CHECK_ATTRIBUTE:
            continue
        code = int(lib.skink_attr_set(store.store, key, len(key), kind, data, len(data)))
        if code != lib.SKINK_OK:
            lost.append(
                (key, f"its attribute 0x{kind:02x} can be read, but not be written anew: {code_name(code)}")
            )


def where(finding: Finding) -> str:
    """The place of a finding in words, empty where none is known."""
    words = []
    if finding.key is not None:
        words.append(f"key {key_text(finding.key) or '/'}")
    if finding.pair is not None:
        words.append(f"pair {{{finding.pair[0]}, {finding.pair[1]}}}")
    if finding.block is not None:
        words.append(f"block {finding.block}")
    return ", ".join(words)


def block_size_of(data: bytes) -> int | None:
    """The block size that the independent reader finds, where skink finds none."""
    try:
        return find_geometry(data)[0]
    except ImageError:
        return None
