# SPDX-License-Identifier: ISC
"""Crash states on which an engine ends its process or hangs: told by a child, which is never asked to recover
them but where that is the question."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import TypeVar

from powercut.child import DiedError, in_child
from powercut.engine import PROBE_KEY, Engine, EngineRefusedError
from powercut.errors import PowercutError
from powercut.judge import Violation
from powercut.ops import Literal, Op
from powercut.trace import Trace
from powercut.worker import limit_memory

#: Seconds that a child may take for a story, or for one look at how an engine ends.
STORY_SECONDS, LOOK_SECONDS = 60.0, 10.0

#: And bytes on top of what it has.
LOOK_BYTES = 1 << 30

T = TypeVar("T")


def apart(work: Callable[[], T]) -> T | None:
    """What ``work`` gives, done in a child; None where that ends without having said it. Raises what the work
    does."""
    answers: list[T] = []
    try:
        in_child(lambda _, send: send(work()), answers, STORY_SECONDS)
    except DiedError:
        return None
    return answers[0]


def end_words(violation: Violation) -> str:
    """``it ended its process: SIGABRT``, ``it hangs: nothing happened for 60 seconds``."""
    told_as = (("the engine ended its process", "it ended its process"), ("the engine hangs", "it hangs"))
    for found, told in told_as:
        _, sign, how = violation.words.rpartition(f"{found}: ")
        if sign:
            return f"{told}: {how.rstrip('.')}"
    return "it did not come back"


def where_it_ends(engine: Engine, trace: Trace, image: bytes) -> str:
    """At what the engine ends its process on a device that holds ``image``: a few words, or empty."""
    probe = Op("set", PROBE_KEY, value=Literal(PROBE_KEY))
    looks: Sequence[tuple[str, Callable[[], object]]] = (
        ("in the mount", lambda: _recorded(engine, trace, image, ())),
        ("as it was read", lambda: engine.entries(image, trace.geometry, trace.engine.options)),
        ("in the fresh set after the mount", lambda: _recorded(engine, trace, image, (probe,))),
    )
    memory = trace.expect.state_memory << 20 or LOOK_BYTES
    return next((where for where, look in looks if _ends(look, memory)), "")


def _recorded(engine: Engine, trace: Trace, image: bytes, ops: Sequence[Op]) -> None:
    engine.record(trace.geometry, ops, image=image, options=trace.engine.options).close()


def _ends(look: Callable[[], object], memory_bytes: int) -> bool:
    def look_and_see() -> None:
        limit_memory(memory_bytes)
        with contextlib.suppress(EngineRefusedError, PowercutError):
            look()

    try:
        in_child(lambda *_: look_and_see(), [], LOOK_SECONDS)
    except DiedError as died:
        return died.kind == "crash"
    return False
