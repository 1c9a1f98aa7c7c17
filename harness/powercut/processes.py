# SPDX-License-Identifier: ISC
"""Processes that may die or hang of their work: how they are started, listened to, watched and ended."""

from __future__ import annotations

import contextlib
import faulthandler
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection, get_context, resource_tracker
from typing import Any, TypeVar

from powercut.errors import PowercutError
from powercut.lastwords import Heard, speak

#: Seconds without any sign of life after which a run counts as hanging.
HANG_SECONDS = 60.0

#: Seconds in which a process has to start.
START_SECONDS = 60.0

#: What counts, at most, of the seconds between two looks: who looks may have been stopped in between itself.
_PAUSE = 1.0

CONTEXT = get_context("spawn")

Target = Callable[..., None]


class Idle:
    """For how long nothing has happened."""

    def __init__(self) -> None:
        self._life: tuple[int, ...] = ()
        self.begin()

    def begin(self) -> None:
        """Something happened."""
        self._seconds, self._looked = 0.0, time.monotonic()

    def seconds(self, life: tuple[int, ...]) -> float:
        """Seconds of it, as far as this process ran itself. ``life`` changes as long as something happens."""
        now = time.monotonic()
        self._seconds += min(now - self._looked, _PAUSE)
        if life != self._life:
            self._seconds = 0.0
        self._life, self._looked = life, now
        return self._seconds


def how_ended(code: int | None) -> str:
    """A signal's name or an exit code; ``code``: negative for a signal, as in subprocess."""
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"


@contextlib.contextmanager
def ignored_interrupt() -> Iterator[None]:
    """What is started inside does not see SIGINT: the parent ends it. One that comes then is not lost."""
    resource_tracker.ensure_running()  # which, when it starts, unblocks what is blocked
    with held_interrupt():
        yield


@contextlib.contextmanager
def held_interrupt() -> Iterator[None]:
    """A SIGINT inside comes behind it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Spawned:
    """A process with a pipe to it, and memory that both see: ``target(pipe, memory, *arguments)``."""

    def __init__(self, target: Target, memory_bytes: int, *arguments: Any) -> None:
        self.memory = CONTEXT.RawArray("c", memory_bytes)
        self.pipe, theirs = CONTEXT.Pipe()
        self._heard = Heard()
        self._process = CONTEXT.Process(
            target=_begin, args=(target, self._heard.theirs, theirs, self.memory, *arguments), daemon=True
        )
        with ignored_interrupt():
            self._process.start()
        theirs.close()
        self._heard.started()
        self.idle = Idle()

    def send(self, task: Any) -> None:
        """Hands over a task."""
        self._heard.forget()
        self.idle.begin()
        self.pipe.send(task)

    def ending(self) -> tuple[str, str]:
        """How a process ended that has closed its pipe, and what it said of it."""
        self._process.join(10)
        how = how_ended(self._process.exitcode)
        return how, self._heard.said(how, self._process.pid or 0)

    def end(self) -> None:
        """Ends the process, whatever it does."""
        self.pipe.close()
        self._process.kill()
        self._process.join()
        self._heard.close()

    @property
    def waited(self) -> list[Any]:
        """What to wait for."""
        return [self.pipe, self._heard] if self._heard.open else [self.pipe]

    def listen(self) -> None:
        """Hands on what the process said on standard error."""
        self._heard.take()


Some = TypeVar("Some", bound=Spawned)


def answered(some: Sequence[Some], seconds: float) -> list[Some]:
    """Those that have answered or ended; waits for one, at most so long."""
    ready = connection.wait([one for each in some for one in each.waited], timeout=seconds)
    for each in some:
        each.listen()
    return [each for each in some if each.pipe in ready]


# --- in the process --------------------------------------------------------------------------------------


def _begin(
    target: Target, heard: connection.Connection, pipe: connection.Connection, *arguments: Any
) -> None:
    """In the process: what ends it is told by the parent, not by itself, and the parent ends it."""
    speak(heard)
    faulthandler.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # to the whole group
    target(pipe, *arguments)


def tasks_of(pipe: connection.Connection) -> Iterator[Any]:
    """One task after the other, until the pipe is closed."""
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        yield task


def answer_of(work: Callable[[], tuple[str, Any]]) -> tuple[str, Any]:
    """What the work answers, or that it was refused or broke; see `demand`."""
    try:
        return work()
    except PowercutError as error:
        return "refused", str(error)
    except Exception:
        return "broken", traceback.format_exc()


def demand(kind: str, payload: Any) -> None:
    """Raises PowercutError where the work did, RuntimeError where it failed by its own fault."""
    if kind == "refused":
        raise PowercutError(payload)
    if kind == "broken":
        raise RuntimeError(f"the work of a process failed:\n{payload}")
