# SPDX-License-Identifier: ISC
"""The hook that a conftest.py may implement."""

from __future__ import annotations

import pytest


@pytest.hookspec(firstresult=True)
def pytest_powercut_engines(config: pytest.Config) -> list[str] | None:
    """The engines that tests below this conftest.py run on where --powercut-engine names no other.

    Each is a built-in engine's name, ``/path/to/libmine.so`` or ``/path/to/file.py:Class``; relative paths
    start where pytest was called. None or nothing: what the ini option powercut_engine says.
    """
