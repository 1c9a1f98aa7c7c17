# SPDX-License-Identifier: ISC
"""An engine that does to the device what its operations spell out, and holds nothing: hand-made logs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from powercut.ops import Literal, Op, Time
from powercut.pyengine import Device
from powercut.trace import EngineOptions
from powercut_models import Answer, Row
from tearing import Event

#: What Engine.load takes.
SCRIPTED = f"{Path(__file__)}:Scripted"

#: Where the events are set. Nothing else is taken.
KEY = b"event"

_KINDS = ("prog", "erase", "sync")


def script(events: Sequence[Event]) -> tuple[Op, ...]:
    """One operation for each event."""
    made = []
    for event in events:
        head = (
            bytes([_KINDS.index(event.kind)]) + event.block.to_bytes(4, "big") + event.off.to_bytes(4, "big")
        )
        made.append(Op("set", KEY, value=Literal(head + event.data)))
    return tuple(made)


class Scripted:
    """The engine."""

    name = "scripted"
    version = "1"
    capabilities: frozenset[str] = frozenset()

    def format(self, device: Device, options: EngineOptions) -> None:
        """Leaves the device as it is."""

    def mount(self, device: Device, options: EngineOptions) -> ScriptedStore:
        return ScriptedStore(device)


class ScriptedStore:
    """A mounted store."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def apply(self, op: Op, now: Time) -> Answer:
        if op.key != KEY:
            return Answer("NO_SPACE")
        raw = op.data()
        kind, block, off = _KINDS[raw[0]], int.from_bytes(raw[1:5], "big"), int.from_bytes(raw[5:9], "big")
        if kind == "prog":
            self._device.prog(block, off, raw[9:])
        elif kind == "erase":
            self._device.erase(block)
        else:
            self._device.sync()
        return Answer("OK")

    def entries(self) -> Iterable[Row]:
        return ()

    def facts(self) -> tuple[int, int]:
        return 255, 2**31 - 1

    def check(self) -> str:
        return ""

    def unmount(self) -> None:
        pass
