# SPDX-License-Identifier: ISC
"""What tests of the pytest plugin start, and read: sessions on the engines of toys.py."""

from __future__ import annotations

import re
from pathlib import Path

import hypothesis
import pytest

from powercut import machine, plugin
from powercut.suite import explorer

#: What is loaded here is not loaded again by each session that a test starts in this process.
LOADED = (hypothesis, machine, plugin, explorer)

TOYS = Path(__file__).with_name("toys.py")


def toy(name: str) -> str:
    return f"--powercut-engine={TOYS}:{name}"


def summary(result: pytest.RunResult) -> list[str]:
    """The lines of the plugin's summary."""
    text = result.stdout.str()
    part = re.search(r"^=+ powercut =+$(.*?)^[=\d]", text, re.MULTILINE | re.DOTALL)
    return part[1].strip().splitlines() if part else []
