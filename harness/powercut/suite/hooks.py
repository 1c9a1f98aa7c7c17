# SPDX-License-Identifier: ISC
"""The hooks that a conftest.py may implement."""

from __future__ import annotations

import pytest


@pytest.hookspec(firstresult=True)
def pytest_powercut_engines(config: pytest.Config) -> list[str] | None:
    """The engines that tests below this conftest.py run on where --powercut-engine names no other.

    Each is a built-in engine's name, ``/path/to/libmine.so`` or ``/path/to/file.py:Class``; relative paths
    start where pytest was called. None or nothing: what the ini option powercut_engine says.
    """


@pytest.hookspec(firstresult=True)
def pytest_powercut_devices(config: pytest.Config) -> list[str] | None:
    """The devices that tests below this conftest.py run on where --powercut-device names no other.

    Each is written as there: ``512x256``. None or nothing: what the ini option powercut_device says, or the
    profile.
    """
