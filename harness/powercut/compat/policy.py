# SPDX-License-Identifier: ISC
"""What is acceptable: a few rules in a TOML file. docs/formats.md, "The policy" has them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from powercut import atomic
from powercut.compat.cells import SIDES, STATES, WRITERS, Cell, Counts
from powercut.errors import PowercutError
from powercut.infile import read_whole
from powercut.ops import CODES, key_bytes, segments

#: The policy where none is given: old may refuse what new wrote, and says so clearly; nothing else.
DEFAULT_TEXT: Final = """\
# Old may refuse what new has written, with a code that says so. Nobody may misread, crash or hang.
[[allow]]
writer = ["new", "upgrade", "downgrade"]
reader = "old"
refused = ["UNSUPPORTED"]
"""

Names = str | list[str]


class Rule(Struct, forbid_unknown_fields=True):
    """What is allowed in some cells; a field that is left out stands for all of its kind. refused: codes, or
    `*` for any."""

    writer: Names | None = None
    reader: Names | None = None
    state: Names | None = None
    refused: list[str] = []
    misread: bool = False
    crash: bool = False
    hang: bool = False

    def about(self, cell: Cell) -> bool:
        """Whether it is about this cell."""
        return all(
            given is None or value in _names(given)
            for given, value in (
                (self.writer, cell.writer),
                (self.reader, cell.reader),
                (self.state, cell.state),
            )
        )


class Policy(Struct, forbid_unknown_fields=True):
    """allow: rules; what none allows is not acceptable. ignore: keys that are not compared, each with all
    below it, in the spelling of the command line."""

    allow: list[Rule] = []
    ignore: list[str] = []

    def problems(self, cell: Cell, counts: Counts) -> list[tuple[str, str, int]]:
        """(outcome, code, how often) of all in a cell that is not acceptable."""
        rules = [rule for rule in self.allow if rule.about(cell)]
        codes = {code for rule in rules for code in rule.refused}
        found = [
            ("refused", code, count)
            for code, count in sorted(counts.refused.items())
            if code not in codes and "*" not in codes
        ]
        for outcome in ("misread", "crash", "hang"):
            if getattr(counts, outcome) and not any(getattr(rule, outcome) for rule in rules):
                found.append((outcome, "", getattr(counts, outcome)))
        return found

    def ignored(self) -> tuple[bytes, ...]:
        """The keys of `ignore`."""
        return tuple(b"/".join(segments(key_bytes(text))) for text in self.ignore)


def load(path: Path | None) -> Policy:
    """The policy in a file; None: the default. Raises PowercutError."""
    if path is None:
        return _parse(DEFAULT_TEXT.encode(), "default")
    try:
        return _parse(read_whole(path), str(path))
    except OSError as error:
        raise PowercutError(f"Cannot read the policy {path}: {atomic.reason(error)}.") from error


def _parse(text: bytes, name: str) -> Policy:
    try:
        policy = msgspec.toml.decode(text, type=Policy)
        _check(policy)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise PowercutError(f"The policy {name} is wrong: {error}; see docs/formats.md.") from error
    return policy


def _check(policy: Policy) -> None:
    """Raises ValueError for names that there are not."""
    if b"" in policy.ignored():
        raise ValueError("with the root ignored there is nothing to compare; name the keys in `ignore`")
    for rule in policy.allow:
        if [] in (rule.writer, rule.reader, rule.state):
            raise ValueError("an empty list is about no cell; what is left out stands for all")
        for what, given, known in (
            ("writer", rule.writer, WRITERS),
            ("reader", rule.reader, SIDES),
            ("state", rule.state, STATES),
            ("code", rule.refused, (*CODES.values(), "*")),
        ):
            wrong = next((name for name in _names(given) if name not in known), None)
            if wrong is not None:
                raise ValueError(f"there is no {what} {wrong!r} (there are: {', '.join(known)})")


def _names(given: Names | None) -> list[str]:
    return [] if given is None else [given] if isinstance(given, str) else given
