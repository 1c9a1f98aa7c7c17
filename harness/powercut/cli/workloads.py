# SPDX-License-Identifier: ISC
"""The options of ``powercut run`` that ask for a workload of another make than the generated lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from powercut.cli.types import Items, complete_words
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.exhaustive import KINDS, NAMES, NAMES_BELOW, Alphabet, ExhaustiveSource
from powercut.geometry import Geometry
from powercut.trace import EngineRef

F = TypeVar("F", bound=Callable[..., Any])

#: The device that sequences run on when none is asked for.
GEOMETRY = Geometry(16, 16, 512, 64, 0xFF)


class Words(click.ParamType[tuple[str, ...]]):
    """Words with commas between them; with ``known``, only out of these."""

    name = "A,B,..."

    def __init__(self, known: tuple[str, ...]) -> None:
        self.known = known

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
        """The words that are not there yet."""
        return complete_words(self.known, incomplete)

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Each word once, in the order of ``known``."""
        given = set(str(value).split(","))
        wrong = sorted(given - set(self.known))
        if wrong:
            self.fail(f"there is no {wrong[0]!r} (there are: {', '.join(self.known)})", param, ctx)
        return tuple(word for word in self.known if word in given)


class Sizes(click.ParamType[tuple[int, ...]]):
    """Numbers of bytes with commas between them."""

    name = "BYTES,..."

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Each once, in rising order."""
        try:
            sizes = sorted({int(size) for size in str(value).split(",")})
        except ValueError:
            self.fail(f"{value!r} is no list of numbers", param, ctx)
        if sizes[0] < 0 or sizes[-1] > 1 << 28:
            self.fail("a value has 0 to 268435456 bytes", param, ctx)
        return tuple(sizes)


@dataclass(frozen=True, slots=True)
class Exhaustive:
    """The options as given; ``ops`` None: none of it is asked for. ``sizes``, ``kinds`` None: the default."""

    ops: int | None
    keys: int
    below: int
    sizes: tuple[int, ...] | None
    kinds: tuple[str, ...] | None


def exhaustive_options(command: F) -> F:
    """The options that Exhaustive holds."""
    options = (
        click.option(
            "--exhaustive-ops", type=click.IntRange(1, 16), help="Every sequence of up to so many operations."
        ),
        click.option(
            "--exhaustive-keys",
            type=click.IntRange(1, len(NAMES)),
            default=3,
            show_default=True,
            help="On so many keys.",
        ),
        click.option(
            "--exhaustive-below",
            type=click.IntRange(0, len(NAMES_BELOW)),
            default=0,
            show_default=True,
            help="And on so many below each.",
        ),
        click.option("--exhaustive-sizes", type=Sizes(), help="Of values (5, and a block and a byte)."),
        click.option("--exhaustive-kinds", type=Words(KINDS), help="Of operations (all that write)."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def take_exhaustive(given: dict[str, Any]) -> Exhaustive:
    """Takes these options out of all that click gives."""
    names = ("ops", "keys", "below", "sizes", "kinds")
    return Exhaustive(**{name: given.pop(f"exhaustive_{name}") for name in names})


def exhaustive_source(asked: Exhaustive, engine: Engine, geometry: Geometry) -> ExhaustiveSource:
    """The sequences on a fresh store. Raises PowercutError where the engine cannot do them."""
    able = tuple(kind for kind in KINDS if kind in ("set", "remove") or kind in engine.capabilities)
    kinds = able if asked.kinds is None else asked.kinds
    wrong = [kind for kind in kinds if kind not in able]
    if wrong:
        raise PowercutError(
            f"{engine.name} {engine.version} cannot do {wrong[0]}; leave it out of --exhaustive-kinds."
        )
    if asked.below and "dictionaries" not in engine.capabilities:
        raise PowercutError(
            f"{engine.name} {engine.version} has no keys below others; leave --exhaustive-below out."
        )
    sizes = (5, geometry.block_size + 1) if asked.sizes is None else asked.sizes
    alphabet = Alphabet(asked.keys, asked.below, sizes, kinds)
    assert asked.ops is not None
    return ExhaustiveSource(alphabet, asked.ops, geometry, EngineRef(engine.name, engine.version))
