# SPDX-License-Identifier: ISC
"""Of what a process says on standard error that is told which says why it ended, the same each time."""

from __future__ import annotations

import importlib
import os
from functools import partial
from pathlib import Path

import pytest

from powercut.child import DiedError, in_child
from powercut.isolated import Died, run
from powercut.lastwords import reason

ASAN = """=================================================================
==4711==ERROR: AddressSanitizer: heap-use-after-free on address 0x603000004660 at pc 0x7fe9961c8496
READ of size 1 at 0x603000004660 thread T0
    #0 0x7fe9961c8495 in leaf_read /src/leaf/leaf.c:10
SUMMARY: AddressSanitizer: heap-use-after-free /src/leaf/leaf.c:10 in leaf_read
==4711==ABORTING
"""

SAID = [
    (ASAN, "exit code 1", "AddressSanitizer: heap-use-after-free in leaf_read"),
    (
        "SUMMARY: AddressSanitizer: stack-overflow (/lib/libleaf.so+0x1139) (BuildId: c0ffee) in leaf_read\n",
        "exit code 1",
        "AddressSanitizer: stack-overflow in leaf_read",
    ),
    (
        "SUMMARY: AddressSanitizer: SEGV (/src/leaf/libleaf.so+0x1139)\n",
        "exit code 1",
        "AddressSanitizer: SEGV",
    ),
    (
        "\x1b[1mSUMMARY: MemorySanitizer: use-of-uninitialized-value leaf.c:3:5 in leaf_read\x1b[0m\n",
        "exit code 77",
        "MemorySanitizer: use-of-uninitialized-value in leaf_read",
    ),
    (
        "/src/leaf/leaf.c:11:31: runtime error: store to misaligned address 0x55db20b7a0d1 for type 'int'\n"
        "0x55db20b7a0d1: note: pointer points here\n 00 00 00  d0 1c\n              ^ \n",
        "exit code 1",
        "UndefinedBehaviorSanitizer: store to misaligned address 0x… for type 'int' (leaf.c:11)",
    ),
    (
        "python3: ../src/leaf.c:9: leaf_read: Assertion `size > 0' failed.\n",
        "SIGABRT",
        "assertion `size > 0' failed in leaf_read",
    ),
    (
        "powercut: leaf.c:9: int leaf_read(struct leaf *, int): Assertion `at(1) > 0' failed.\n",
        "SIGABRT",
        "assertion `at(1) > 0' failed in leaf_read",
    ),
    (
        "Assertion failed: size > 0 (leaf.c: leaf_read: 9)\n",
        "SIGABRT",
        "assertion `size > 0' failed in leaf_read",
    ),
    (
        "Assertion failed: (size > 0), function leaf_read, file /src/leaf.c, line 9.\n",
        "SIGABRT",
        "assertion `size > 0' failed in leaf_read",
    ),
    ("*** stack smashing detected ***: terminated\n", "SIGABRT", "stack smashing detected"),
    (
        "hello\nfree(): double free detected in tcache 2\n",
        "SIGABRT",
        "free(): double free detected in tcache 2",
    ),
    (
        "leaf 4711: block 5 of /dev/shm/x-123/image at 0x7f00 is odd\n\n",
        "SIGABRT",
        "leaf …: block 5 of image at 0x… is odd",
    ),
    ("hello\n", "SIGSEGV", ""),
    ("python3: leaf.c:9: leaf_read: Assertion `size > 0' failed.\n", "exit code 7", ""),
    ("", "SIGABRT", ""),
    ("\x07" * 3 + "x" * 300, "SIGABRT", "x" * 159 + "…"),
]


@pytest.mark.parametrize(("text", "how", "told"), SAID, ids=range(len(SAID)))
def test_of_all_that_was_said_the_reason_is_told(text: str, how: str, told: str) -> None:
    assert reason(text, how, 4711) == told


def _die(words: bytes, *_: object) -> None:
    os.write(2, words)
    os.abort()


def test_a_child_s_words_reach_standard_error_and_its_death(capfd: pytest.CaptureFixture[str]) -> None:
    many = b"much\n" * 40_000 + b"leaf: no block is free\n"
    with pytest.raises(DiedError) as died:
        in_child(partial(_die, many), [])
    assert (died.value.how, died.value.said) == ("SIGABRT", "leaf: no block is free")
    assert capfd.readouterr().err == many.decode()


SAYING = """
import os

def work(task, beat):
    os.write(2, b"task %d\\n" % task)
    if task == 2:
        os.abort()
    if task == 3:
        os._exit(1)
    return task
"""


def test_a_worker_s_words_are_those_of_the_task_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "powercut_saying.py").write_text(SAYING)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = dict(run(importlib.import_module("powercut_saying").work, [1, 2, 3]))
    assert found == {
        0: 1,
        1: Died("crash", "SIGABRT", 0, "task 2"),
        2: Died("crash", "exit code 1", 0, ""),
    }
    assert sorted(capfd.readouterr().err.splitlines()) == ["task 1", "task 2", "task 3"]


def test_a_process_without_standard_error_is_watched_all_the_same(capfd: pytest.CaptureFixture[str]) -> None:
    def work(_watch: object, send: object) -> None:
        os.close(2)
        assert callable(send)
        send("done")

    answers: list[str] = []
    in_child(work, answers)
    assert answers == ["done"]
