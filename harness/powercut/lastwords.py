# SPDX-License-Identifier: ISC
"""What a process says on standard error, on its way to ours, and of that what tells why it ended.

What is told is the same each time: without paths, addresses and process numbers.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections import deque
from multiprocessing import connection

#: Bytes that are kept of what a process said last; a sanitizer's report has its summary at the end.
KEPT = 1 << 16

#: Characters of a message, at most.
LENGTH_MAX = 160

_STANDARD_ERROR = 2


class Heard:
    """The standard error of another process. ``theirs``: the end that is to be that, see `speak`."""

    def __init__(self) -> None:
        self._ours, self.theirs = connection.Pipe(duplex=False)
        os.set_blocking(self._ours.fileno(), False)
        self._last = bytearray()
        self.open = True

    def fileno(self) -> int:
        """To be waited for."""
        return self._ours.fileno()

    def started(self) -> None:
        """The process has its end."""
        self.theirs.close()

    def take(self) -> None:
        """Hands on what there is."""
        while self.open:
            try:
                said = os.read(self._ours.fileno(), KEPT)
            except BlockingIOError:
                return
            except OSError:
                said = b""
            if not said:
                self.open = False
                return
            _print(said)
            self._last += said
            del self._last[:-KEPT]

    def forget(self) -> None:
        """A new task begins: what was said before has nothing to do with it."""
        self.take()
        self._last.clear()

    def said(self, how: str, process: int) -> str:
        """Why the process ended, in its own words; empty: it said nothing of that. ``how``: it ended;
        ``process``: its number."""
        self.take()
        return reason(self._last.decode(errors="replace"), how, process)

    def close(self) -> None:
        """Hands on what there is, and hears no more."""
        self.take()
        self.open = False
        self._ours.close()


def speak(theirs: connection.Connection) -> None:
    """From now on this end is the standard error of this process."""
    os.dup2(theirs.fileno(), _STANDARD_ERROR)
    theirs.close()


def _print(said: bytes) -> None:
    with contextlib.suppress(OSError):  # there may be no standard error
        while said:
            said = said[os.write(_STANDARD_ERROR, said) :]


def ending(how: str, said: str) -> str:
    """How a process ended, and what it said of it: ``SIGABRT (assertion `size > 0' failed in leaf_read)``."""
    return f"{how} ({said})" if said else how


# --- of many words the few that matter -------------------------------------------------------------------

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_SUMMARY = re.compile(r"^SUMMARY: (\w+Sanitizer): ([\w-]+)(?:.*? in ([^\s/()]+))?.*$", re.MULTILINE)
_RUNTIME = re.compile(r"^(?:.*/)?([^/\n]+?:\d+)(?::\d+)?: runtime error: (.*)$", re.MULTILINE)
#: As glibc, musl, and the BSDs with macOS say it.
_ASSERTIONS = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"^(?:.*?:\d+: (?P<where>[^:\n]+): )?Assertion `(?P<what>.+)' failed",
        r"^Assertion failed: (?P<what>.+) \([^:)]*: (?P<where>\w+): \d+\)$",
        r"^Assertion failed: \((?P<what>.+)\), function (?P<where>\w+), file ",
    )
)
_MARKED = re.compile(r"^\*\*\* (.*?) \*\*\*.*$", re.MULTILINE)
_PATH = re.compile(r"(?<![\w<])/(?:[^\s/:'\"()]+/)+")


def reason(text: str, how: str, process: int) -> str:
    """Of all that a process said why it ended; see `Heard.said`."""
    text = _COLOURS.sub("", text)
    if found := _last(_SUMMARY, text):
        tool, what, where = found.groups()
        made = f"{tool}: {what} in {where}" if where else f"{tool}: {what}"
    elif found := _last(_RUNTIME, text):
        made = f"UndefinedBehaviorSanitizer: {found[2]} ({found[1]})"
    elif how == "SIGABRT":
        made = _aborted(text)
    else:
        return ""
    return _same_each_time(made, process)


def _aborted(text: str) -> str:
    """What was said of an abort: an assertion, a check of the C library's, else the last line."""
    for pattern in _ASSERTIONS:
        if found := _last(pattern, text):
            where = f" in {_function(found['where'])}" if found["where"] else ""
            return f"assertion `{found['what']}' failed{where}"
    if found := _last(_MARKED, text):
        return found[1]
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")


def _function(place: str) -> str:
    """``int leaf_read(const uint8_t *)`` or ``leaf_read``, by its name."""
    return place.partition("(")[0].split()[-1].lstrip("*")


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(iter(deque(pattern.finditer(text), 1)), None)


def _same_each_time(words: str, process: int) -> str:
    """Without what another run would say otherwise."""
    words = _PATH.sub("", words)
    words = re.sub(r"0x[0-9a-fA-F]+", "0x…", words)
    words = re.sub(rf"\b{process}\b", "…", words)
    printable = "".join(one if one.isprintable() else " " for one in words)
    words = " ".join(printable.split())
    return words if len(words) <= LENGTH_MAX else words[: LENGTH_MAX - 1] + "…"
