# SPDX-License-Identifier: ISC
"""Makes a test of every trace in this folder."""

from powercut.plugin import pytest_collect_file

__all__ = ["pytest_collect_file"]
