# SPDX-License-Identifier: ISC
"""Work in a forked child: what interrupts the command is not answered by the child as well."""

from __future__ import annotations

import subprocess
import sys

#: Forks with a SIGINT that comes to both, first of all in the child.
INTERRUPTED = """
import os, signal, sys
from powercut.child import in_child

fork = os.fork

def interrupted():
    pid = fork()
    if pid == 0:
        os.kill(os.getpid(), signal.SIGINT)
    return pid

os.fork = interrupted
answers = []
try:
    in_child(lambda watch, send: send(os.getpid()), answers)
    assert answers and answers[0] != os.getpid()
except KeyboardInterrupt:
    print("interrupted", flush=True)
print("the end", flush=True)
"""


def test_a_child_that_is_interrupted_at_once_goes_on_and_never_becomes_its_parent() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "the end\n"), done
