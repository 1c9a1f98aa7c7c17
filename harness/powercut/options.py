# SPDX-License-Identifier: ISC
"""Engine options as they are typed: `disk_minor=2.0,value_checks=on,name_max=64`."""

from __future__ import annotations

import re

from powercut.errors import PowercutError
from powercut.trace import DEFAULTS, EngineOptions

_SWITCH = {"on": 1, "yes": 1, "1": 1, "off": 0, "no": 0, "0": 0}
_HOW = "say disk_minor=2.0 (or another version), value_checks=on or off, name_max=BYTES"


def parse_options(text: str) -> EngineOptions:
    """The options in a text; an empty one is the engine's defaults. Raises PowercutError."""
    found: dict[str, int] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, value = part.partition("=")
        number = _number(name.strip(), value.strip())
        if number is None:
            raise PowercutError(f"The engine option {part!r} cannot be; {_HOW}.")
        found[name.strip()] = number
    return EngineOptions(**found)


def _number(name: str, value: str) -> int | None:
    """What goes into EngineOptions; None: there is no such option or value."""
    match name:
        case "disk_minor":  # there, one more than the minor version: 0 is the engine's default
            version = re.fullmatch(r"(?:\d+\.)?(\d{1,6})", value)
            return int(version[1]) + 1 if version else None
        case "value_checks":
            return _SWITCH.get(value)
        case "name_max":
            return int(value) if re.fullmatch(r"\d{1,9}", value) else None
    return None


def options_text(options: EngineOptions) -> str:
    """The options as the documentation types them, those at their default left out."""
    parts = []
    if options.disk_minor != DEFAULTS.disk_minor:
        parts.append(f"disk_minor=2.{options.disk_minor - 1}")
    if options.value_checks != DEFAULTS.value_checks:
        parts.append("value_checks=on")
    if options.name_max != DEFAULTS.name_max:
        parts.append(f"name_max={options.name_max}")
    return ",".join(parts)
