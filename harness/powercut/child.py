# SPDX-License-Identifier: ISC
"""Work that may end or hang its process: done in a forked child that says what it finds, bit by bit."""

from __future__ import annotations

import faulthandler
import mmap
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from multiprocessing import connection
from typing import Any

from powercut.errors import PowercutError
from powercut.explorer import Watch

#: Seconds without any sign of life after which a child counts as hanging.
SECONDS = 10.0

Send = Callable[[Any], None]
Work = Callable[[Watch, Send], None]


class DiedError(Exception):
    """A child ended without having said all. ``kind``: crash or hang; ``how``: a signal's name, an exit code,
    or how long nothing happened; ``watch``: what it last was about."""

    def __init__(self, kind: str, how: str, watch: Watch) -> None:
        super().__init__(f"{kind}: {how}")
        self.kind = kind
        self.how = how
        self.watch = watch


def in_child(
    work: Work, answers: list[Any], seconds: float = SECONDS, cpu_seconds: float | None = None
) -> None:
    """Does the work in a child; what that sends is appended to ``answers``. ``seconds``: without any sign of
    life, after which it hangs; ``cpu_seconds``: and so many of processor time.

    Raises DiedError, PowercutError where the work did, RuntimeError where it failed otherwise.
    """
    watch = Watch(mmap.mmap(-1, Watch.SIZE))
    mine, theirs = connection.Pipe(duplex=False)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads: they only wait
        child = os.fork()
    if child == 0:
        _serve(work, watch, theirs)
    theirs.close()
    try:
        with mine:
            _collect(child, mine, watch, answers, _Limit(child, seconds, cpu_seconds))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _serve(work: Work, watch: Watch, pipe: Any) -> None:
    """The child: works, and ends. What ends it is told by the parent, not by a dump of the child."""
    faulthandler.disable()
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
        try:
            work(watch, lambda answer: pipe.send(("answer", answer)))
            last: tuple[str, str | None] = ("end", None)
        except PowercutError as error:
            last = ("refused", str(error))
        except BaseException:
            last = ("broken", traceback.format_exc())
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        pipe.send(last)
    finally:
        os._exit(0)


class _Limit:
    """What a child may take without any sign of life."""

    def __init__(self, child: int, seconds: float, cpu_seconds: float | None) -> None:
        self._seconds = seconds
        self._cpu_seconds = cpu_seconds
        self._clock = (~child << 3) | 2  # the processor time of another process, as Linux numbers its clock
        self.lives()

    def lives(self) -> None:
        """There was one."""
        self._idle = 0.0
        self._cpu = self._spent()

    def passed(self, waited: float) -> float | None:
        """The seconds after which the child hangs, once they are over."""
        self._idle += waited
        if self._cpu_seconds is not None and self._spent() - self._cpu > self._cpu_seconds:
            return self._cpu_seconds
        return self._seconds if self._idle > self._seconds else None

    def _spent(self) -> float:
        try:
            return time.clock_gettime(self._clock)
        except OSError:  # it has ended
            return 0.0


def _collect(child: int, pipe: Any, watch: Watch, answers: list[Any], limit: _Limit) -> None:
    life: tuple[int, ...] = ()
    while True:
        if pipe.poll(0.1):
            try:
                kind, answer = pipe.recv()
            except EOFError:
                raise DiedError("crash", _how(child), watch) from None
            if kind == "end":
                return
            if kind == "refused":
                raise PowercutError(answer)
            if kind == "broken":
                raise RuntimeError(f"the work of a child failed:\n{answer}")
            answers.append(answer)
            limit.lives()
            continue
        if (now := watch.life) != life:
            life = now
            limit.lives()
        if (over := limit.passed(0.1)) is not None:
            raise DiedError("hang", f"no progress for {over:.0f} seconds", watch)


def _how(child: int) -> str:
    """What ended a child that has said its last; it stays to be waited for."""
    ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    if ended is None or ended.si_code == os.CLD_EXITED:
        return f"exit code {ended.si_status if ended else 0}"
    return signal.Signals(ended.si_status).name
