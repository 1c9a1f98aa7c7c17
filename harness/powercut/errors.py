# SPDX-License-Identifier: ISC
"""The one exception for what a user can put right: bad input or a bad environment."""

from __future__ import annotations


class PowercutError(Exception):
    """One sentence that names the thing and the way out; the command line prints it and exits with 2."""
