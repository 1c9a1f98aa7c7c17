# SPDX-License-Identifier: ISC
"""JSON objects that have a field twice: one reader takes the first of them, another the last."""

from __future__ import annotations

import json
from typing import Any


def demand_distinct(text: bytes) -> None:
    """Raises ValueError, which names the field, where an object of a JSON text has one twice. The text has
    been found to be JSON, and no deeper than its format allows."""
    json.loads(text, object_pairs_hook=_distinct)


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the field {twice!r} twice")
