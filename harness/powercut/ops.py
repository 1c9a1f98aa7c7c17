# SPDX-License-Identifier: ISC
"""The operations of a run: frozen, and small even where their values are large."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

#: Result codes by number, as csrc/include/powercut.h and the semantics have them.
CODES: Final[dict[int, str]] = {
    0: "OK",
    -1: "NOT_FOUND",
    -2: "DICTIONARY_EXPECTED",
    -3: "VALUE_EXPECTED",
    -4: "ALREADY_PRESENT",
    -5: "RENAME_SOURCE_PREFIX",
    -6: "NO_SPACE",
    -7: "INVALID_KEY",
    -8: "NAME_TOO_LONG",
    -9: "VALUE_TOO_LARGE",
    -10: "NO_TIMESTAMP",
    -11: "READ_ONLY",
    -12: "IO",
    -13: "CORRUPT",
    -14: "UNSUPPORTED",
    -15: "INVALID_ARGUMENT",
    -16: "NO_MEMORY",
}

#: Operation kinds and their numbers in the engine ABI.
KINDS: Final[dict[str, int]] = {
    "exists": 1,
    "get": 2,
    "get_partial": 3,
    "list": 4,
    "size": 5,
    "last_modified": 6,
    "digest": 7,
    "set": 8,
    "set_partial": 9,
    "allocate": 10,
    "remove": 11,
    "rename": 12,
    "sync": 13,
}

#: The kinds that may change the store.
WRITES: Final[frozenset[str]] = frozenset({"set", "set_partial", "allocate", "remove", "rename"})

Time = tuple[int, int]

_DAY_PS: Final = 86_400 * 10**12
_FIRST_DAY: Final = 20_454  # 2026-01-01
_STEP_PS: Final = 4_999 * 10**12 + 123_456_789_012


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that is written out."""

    data: bytes

    @property
    def length(self) -> int:
        """Bytes."""
        return len(self.data)

    def bytes(self) -> bytes:
        """The value's bytes."""
        return self.data


@dataclass(frozen=True, slots=True)
class Generated:
    """A value made from a seed: SHAKE-128 of the ASCII text ``powercut:SEED``, ``length`` bytes of it.

    They do not compress, are the same on every machine, and a shorter value is the start of a longer one.
    """

    seed: int
    length: int

    def bytes(self) -> bytes:
        """The value's bytes."""
        return hashlib.shake_128(b"powercut:%d" % self.seed).digest(self.length)


Value = Literal | Generated


@dataclass(frozen=True, slots=True)
class Op:
    """One operation.

    ``key`` (and of a rename ``target``) are bytes, segments with ``/`` between them. ``off`` is in bytes
    (get_partial, set_partial). ``length`` is in bytes: wanted (get_partial) or to make (allocate).
    ``value`` belongs to set and set_partial. ``sync`` is about no key.
    """

    kind: str
    key: bytes
    target: bytes = b""
    off: int = 0
    length: int = 0
    value: Value | None = None

    @property
    def writes(self) -> bool:
        """Whether the operation may change the store."""
        return self.kind in WRITES

    def data(self) -> bytes:
        """The bytes that a set or set_partial writes; empty for the other kinds."""
        return b"" if self.value is None else self.value.bytes()


Operations = Sequence[Op]


def clock(index: int) -> Time:
    """What the engine's clock reads during operation ``index`` (from 0): (days, picoseconds into the day)."""
    days, picoseconds = divmod(index * _STEP_PS, _DAY_PS)
    return _FIRST_DAY + days, picoseconds


def segments(key: bytes) -> list[bytes]:
    """A key's segments; empty ones vanish."""
    return [segment for segment in key.split(b"/") if segment]


def key_text(key: bytes) -> str:
    """A key as text that a person can read: what is no printable UTF-8, and ``%``, as ``%XX``."""
    parts = []
    for char in key.decode("utf-8", "surrogateescape"):
        if char != "%" and char.isprintable():
            parts.append(char)
        else:
            raw = char.encode("utf-8", "surrogateescape")
            parts.append("".join(f"%{byte:02X}" for byte in raw))
    return "".join(parts)


def key_bytes(text: str) -> bytes:
    """The key that ``key_text`` shows as ``text``. Raises ValueError on a ``%`` without two hex digits."""
    first, *escaped = text.split("%")
    parts = [first.encode()]
    for part in escaped:
        digits = part[:2]
        if len(digits) != 2 or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
            raise ValueError(f"% in the key {text!r} is not followed by two hex digits")
        parts.append(bytes([int(digits, 16)]) + part[2:].encode())
    return b"".join(parts)


def printable(data: bytes, limit: int = 64) -> str | None:
    """``data`` as text if it is printable UTF-8 of at most ``limit`` bytes, else None."""
    if len(data) > limit:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def one_line(text: str) -> str:
    """``text`` as a terminal may show it, whoever wrote it: what moves a cursor, changes colours or turns the
    line around stands there as in a string of Python."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def value_text(value: Value) -> str:
    """A value in a few words: its text, its hex, or how it was made."""
    if isinstance(value, Generated):
        return f"{value.length} bytes from seed {value.seed}"
    return data_text(value.data)


def data_text(data: bytes) -> str:
    """Bytes in a few words: quoted text or hex if short, else length and the start of their SHA-256."""
    text = printable(data, 40)
    if text is not None:
        return f'"{text}"'
    if len(data) <= 16:
        return f"{len(data)} bytes {data.hex()}"
    return f"{len(data)} bytes (sha256 {hashlib.sha256(data).hexdigest()[:12]})"


def op_text(op: Op) -> str:
    """An operation in one line: ``set "a/b" to 12 bytes from seed 3``."""
    if op.kind == "sync":
        return op.kind
    key = f'{op.kind} "{_short(key_text(op.key))}"'
    if op.kind == "rename":
        return f'{key} to "{_short(key_text(op.target))}"'
    if op.kind == "set" and op.value is not None:
        return f"{key} to {value_text(op.value)}"
    if op.kind == "set_partial" and op.value is not None:
        return f"{key} at {op.off} to {value_text(op.value)}"
    if op.kind == "get_partial":
        return f"{key} from {op.off}, {op.length} bytes"
    if op.kind == "allocate":
        return f"{key} with {op.length} bytes"
    return key


def _short(text: str, limit: int = 60) -> str:
    """``text``, its middle left out where it is long."""
    if len(text) <= limit:
        return text
    return f"{text[: limit - 14]}…{text[-8:]} ({len(text)} characters)"
