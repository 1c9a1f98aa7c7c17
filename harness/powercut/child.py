# SPDX-License-Identifier: ISC
"""Work that may end or hang its process: done in a forked child that says what it finds, bit by bit."""

from __future__ import annotations

import faulthandler
import mmap
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from multiprocessing import connection
from typing import Any, NoReturn

from powercut.explorer import Watch
from powercut.lastwords import Heard, ending, speak
from powercut.processes import Idle, answer_of, demand, held_interrupt, how_ended

#: Seconds without any sign of life after which a child counts as hanging.
SECONDS = 10.0

Send = Callable[[Any], None]
Work = Callable[[Watch, Send], None]


class DiedError(Exception):
    """A child ended without having said all. ``kind``: crash or hang; ``how``: a signal's name, an exit code,
    or how long nothing happened; ``watch``: what it last was about; ``said``: of its end."""

    def __init__(self, kind: str, how: str, watch: Watch, said: str = "") -> None:
        super().__init__(f"{kind}: {ending(how, said)}")
        self.kind = kind
        self.how = how
        self.watch = watch
        self.said = said

    @property
    def ending(self) -> str:
        """How it ended, and what it said of that."""
        return ending(self.how, self.said)


def in_child(
    work: Work,
    answers: list[Any],
    seconds: float = SECONDS,
    cpu_seconds: float | None = None,
    first_seconds: float | None = None,
) -> None:
    """Does the work in a child; what that sends is appended to ``answers``. ``seconds``: without any sign of
    life, after which it hangs; ``cpu_seconds``: and so many of processor time; ``first_seconds``: in which
    the first sign must come; None: ``seconds``.

    Raises DiedError, PowercutError where the work did, RuntimeError where it failed otherwise.
    """
    watch = Watch(mmap.mmap(-1, Watch.SIZE))
    mine, theirs = connection.Pipe(duplex=False)
    heard = Heard()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with held_interrupt():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # other threads: they only wait
            child = os.fork()
        if child == 0:
            _serve(work, watch, heard, theirs)
    theirs.close()
    heard.started()
    try:
        with mine:
            limit = _Limit(child, watch, seconds, cpu_seconds, first_seconds)
            _collect(child, mine, heard, watch, answers, limit)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        heard.close()


def _serve(work: Work, watch: Watch, heard: Heard, pipe: Any) -> NoReturn:
    """The child: works, and ends, and never comes back, where it would be its parent once more. What ends it
    is told by the parent, not by a dump of the child."""

    def do() -> tuple[str, Any]:
        work(watch, lambda answer: pipe.send(("answer", answer)))
        return "end", None

    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        speak(heard.theirs)
        faulthandler.disable()
        last = answer_of(do)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        pipe.send(last)
    finally:
        os._exit(0)


class _Limit:
    """What a child may take without any sign of life. Processor time counts from the first sign on: a
    recording, which comes before, takes what it takes."""

    def __init__(
        self,
        child: int,
        watch: Watch,
        seconds: float,
        cpu_seconds: float | None,
        first_seconds: float | None,
    ) -> None:
        self._watch = watch
        self._life = watch.life
        self._seconds = seconds
        self._first_seconds = seconds if first_seconds is None else first_seconds
        self._cpu_seconds = cpu_seconds
        self._clock = (~child << 3) | 2  # the processor time of another process, as Linux numbers its clock
        self._idle = Idle()
        self._cpu: float | None = None  # at the last sign

    def lives(self) -> None:
        """There was a sign of life."""
        self._idle.begin()
        self._cpu = self._spent()

    def passed(self) -> float | None:
        """The seconds after which the child hangs, once they are over."""
        life = self._watch.life
        idle = self._idle.seconds(life)
        if life != self._life:
            self._life = life
            self.lives()
        if self._cpu is None:
            return self._first_seconds if idle > self._first_seconds else None
        if self._cpu_seconds is not None and self._spent() - self._cpu > self._cpu_seconds:
            return self._cpu_seconds
        return self._seconds if idle > self._seconds else None

    def _spent(self) -> float:
        try:
            return time.clock_gettime(self._clock)
        except OSError:  # it has ended
            return 0.0


def _collect(child: int, pipe: Any, heard: Heard, watch: Watch, answers: list[Any], limit: _Limit) -> None:
    while True:
        waited: list[Any] = [pipe, heard] if heard.open else [pipe]
        ready = connection.wait(waited, timeout=0.1)
        heard.take()
        if pipe in ready:
            try:
                kind, answer = pipe.recv()
            except EOFError:
                how = _how(child)
                raise DiedError("crash", how, watch, heard.said(how, child)) from None
            if kind == "end":
                return
            demand(kind, answer)
            answers.append(answer)
            limit.lives()
            continue
        if (over := limit.passed()) is not None:
            raise DiedError("hang", f"no progress for {over:.0f} seconds", watch)


def _how(child: int) -> str:
    """What ended a child that has said its last; it stays to be waited for."""
    ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    if ended is None:
        return how_ended(0)
    return how_ended(ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status)
