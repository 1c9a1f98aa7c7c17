# SPDX-License-Identifier: ISC
"""One piece of work in a child process, which an engine may crash or hang."""

from __future__ import annotations

import contextlib
import faulthandler
import mmap
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection
from typing import Any, TypeVar

from powercut.campaign import HANG_SECONDS
from powercut.errors import PowercutError
from powercut.explorer import Watch

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Died:
    """A child that gave no answer. ``kind``: crash or hang; ``how``: a signal's name, or an exit code."""

    kind: str
    how: str = ""


def shared_watch() -> Watch:
    """A watch in memory that child processes share."""
    return Watch(mmap.mmap(-1, Watch.SIZE))


def in_child(work: Callable[[], T], watch: Watch, hang_seconds: float | None = None) -> T | Died:
    """What ``work`` answers in a child process; it hangs where the shared watch shows no life for so long.

    ``hang_seconds``: None: a minute. Raises PowercutError where the work did, RuntimeError where it failed
    otherwise.
    """
    mine, theirs = connection.Pipe(duplex=False)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads, of xdist: they only wait
        child = os.fork()
    if child == 0:
        _serve(theirs, work)
    theirs.close()
    ended = False
    try:
        with mine:
            answer = _answer(mine, watch, hang_seconds or HANG_SECONDS)
        ended = answer is None
    finally:
        if not ended:
            os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
    if answer is None:
        return Died("crash", _how(status))
    result: T | Died = _result(answer)
    return result


def _serve(pipe: Any, work: Callable[[], object]) -> None:
    """The child: works, answers, ends."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        faulthandler.disable()
        try:
            answer: tuple[str, object] = ("done", work())
        except PowercutError as error:
            answer = ("refused", str(error))
        except BaseException:
            answer = ("broken", traceback.format_exc())
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        pipe.send(answer)
    finally:
        os._exit(0)


def _answer(pipe: Any, watch: Watch, hang_seconds: float) -> tuple[str, Any] | None:
    """What the child says of itself; None: it ended without a word."""
    life, since = watch.life, time.monotonic()
    while not pipe.poll(0.1):
        now = time.monotonic()
        if watch.life != life:
            life, since = watch.life, now
        elif now - since > hang_seconds:
            return "done", Died("hang", f"nothing happened for {hang_seconds:g} seconds")
    try:
        answer: tuple[str, Any] = pipe.recv()
    except EOFError:
        return None
    return answer


def _result(answer: tuple[str, Any]) -> Any:
    kind, payload = answer
    if kind == "refused":
        raise PowercutError(payload)
    if kind == "broken":
        raise RuntimeError(f"the run failed in its process:\n{payload}")
    return payload


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"
