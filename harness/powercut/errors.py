# SPDX-License-Identifier: ISC
"""The one exception for what a user can put right, bad input or a bad environment; and a warning."""

from __future__ import annotations


class PowercutError(Exception):
    """One sentence that names the thing and the way out; the command line prints it and exits with 2."""


class PowercutWarning(UserWarning):
    """What pytest tells besides: one sentence about what powercut was given and cannot use."""
