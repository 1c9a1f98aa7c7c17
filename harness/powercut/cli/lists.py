# SPDX-License-Identifier: ISC
"""Option values that are lists: numbers, or some of given names, with commas between them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

#: Bytes of a prog on the devices of ``powercut bench``.
_PROG = 16


class Numbers(click.ParamType[tuple[int, ...]]):
    """Whole numbers from ``low`` to ``high``."""

    name = "N,N..."

    def __init__(self, low: int, high: int) -> None:
        self.low, self.high = low, high

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        """click's."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(int(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers with commas between them", param, ctx)
        for number in numbers:
            if not self.low <= number <= self.high:
                self.fail(f"{number} is not between {self.low} and {self.high}", param, ctx)
        return numbers


class BlockSizes(Numbers):
    """Bytes in the blocks of devices that are programmed 16 bytes at a time."""

    def __init__(self) -> None:
        super().__init__(256, 65_536)

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        """click's."""
        sizes = super().convert(value, param, ctx)
        for size in sizes:
            if size % _PROG:
                self.fail(f"a block of {size} bytes is no whole number of {_PROG}-byte progs", param, ctx)
        return sizes


class Names(click.ParamType[tuple[str, ...]]):
    """Some of ``names``; ``what`` is the word for one of them."""

    def __init__(self, what: str, names: Iterable[str]) -> None:
        self.what, self.names = what, tuple(names)
        self.name = f"{what.upper()},{what.upper()}..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        """click's."""
        names = value if isinstance(value, tuple) else tuple(value.split(","))
        for name in names:
            if name not in self.names:
                self.fail(f"there is no {self.what} {name!r}; there are {', '.join(self.names)}", param, ctx)
        return names


def commas(values: Iterable[object]) -> str:
    """A list as such an option takes it."""
    return ",".join(str(value) for value in values)
