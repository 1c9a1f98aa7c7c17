# SPDX-License-Identifier: ISC
"""The options that say which crash states are explored, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from powercut.campaign import Tally
from powercut.claims import is_claimed
from powercut.cli.ahead import given_in_vain
from powercut.cli.types import ENGINE, MEMORY, MODEL, FileName, Items, Seconds, complete_words
from powercut.devices import DeviceModel, known_models, named
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.fault import CUTS_MAX, KINDS, RESUME_MAX, Fault
from powercut.faultfile import Explore
from powercut.run import RunOptions
from powercut.unseen import OF_MODELS, Unseen, no_model, unseen_kinds

F = TypeVar("F", bound=Callable[..., Any])

FOLDER = FileName()

_NAMES = (
    "kinds",
    "model",
    "models",
    "depth",
    "nested_kinds",
    "samples",
    "resume",
    "reader",
    "strict",
    "keep_identical",
    "keep_unread",
    "state_seconds",
    "state_memory",
)


@dataclass(frozen=True, slots=True)
class Exploring:
    """What the options ask for."""

    kinds: tuple[str, ...]
    models: tuple[DeviceModel, ...]
    explore: Explore
    options: RunOptions
    hang_seconds: float
    memory_bytes: int

    def unseen(self, tally: Tally, engine: Engine) -> list[Unseen]:
        """Which kinds of crash state were not looked at, and why; nothing where no trace was run."""
        if not tally.traces:
            return []
        models = [model.name for model in self.models]
        return unseen_kinds(tally.counts, self.kinds, models, engine.name)


class Kinds(click.ParamType[tuple[str, ...]]):
    """Kinds of crash state with commas between them, or ``all``."""

    name = "kind,..."

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
        """The kinds that are not there yet."""
        return complete_words((*KINDS, "all"), incomplete)

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The kinds, in the order of ``fault.KINDS``."""
        if not isinstance(value, str):
            return tuple(value) if isinstance(value, tuple) else ()
        asked = {word.strip() for word in value.split(",") if word.strip()}
        if "all" in asked:
            return KINDS
        for word in sorted(asked - set(KINDS)):
            self.fail(f"there is no kind {word!r} of crash state; there are {', '.join(KINDS)}", param, ctx)
        return tuple(kind for kind in KINDS if kind in asked)


def exploring_options(command: F) -> F:
    """The options, for `powercut run` and its like."""
    options = (
        click.option(
            "--kinds", type=Kinds(), default="prefix", show_default=True, help=f"{', '.join(KINDS)}; or all."
        ),
        click.option(
            "--model",
            type=MODEL,
            multiple=True,
            help="Of torn and reorder: `list models`, or all (those that the engine claims).",
        ),
        click.option("--models", type=FOLDER, help="A TOML file with more device models."),
        click.option(
            "--depth",
            type=click.IntRange(2, CUTS_MAX),
            default=2,
            show_default=True,
            help="nested: cuts in a row.",
        ),
        click.option(
            "--nested-kinds",
            type=Kinds(),
            default="prefix",
            show_default=True,
            help="nested: how recovery is cut.",
        ),
        click.option(
            "--samples",
            type=click.IntRange(0, 1 << 20),
            default=8,
            show_default=True,
            help="States drawn where there are too many.",
        ),
        click.option(
            "--resume",
            type=click.IntRange(0, RESUME_MAX),
            default=0,
            show_default=True,
            help="Operations with which the run goes on after each recovery.",
        ),
        click.option("--reader", type=ENGINE, help="An engine that reads each crash state as well."),
        click.option("--strict", is_flag=True, help="What the engine does not claim to survive counts too."),
        click.option("--keep-identical", is_flag=True, help="Judge identical states as well."),
        click.option("--keep-unread", is_flag=True, help="Judge what differs in unread bytes alone as well."),
        click.option(
            "--state-seconds",
            type=Seconds(0.5),
            default=60.0,
            show_default=True,
            help="A state that takes longer is a hang.",
        ),
        click.option("--state-memory", type=MEMORY, help="MiB that one state may take (no bound)."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def limit_options(command: F) -> F:
    """What one crash state may take, for the commands on saved traces."""
    options = (
        click.option("--state-seconds", type=Seconds(0.5), help="For one state (the trace's)."),
        click.option("--state-memory", type=MEMORY, help="MiB that one state may take (the trace's)."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def take_exploring(given: dict[str, Any], engine: Engine, seed: int) -> Exploring:
    """Takes the options out of ``given``. Raises PowercutError."""
    one = {name: given.pop(name) for name in _NAMES}
    known = tell_claims(engine, one["models"])
    kinds = one["kinds"]
    if not kinds:
        raise PowercutError(f"No kind of crash state is asked for; give --kinds some of {', '.join(KINDS)}.")
    if "nested" in kinds and not {"prefix", "torn", "reorder"} & set(kinds):
        kinds = ("prefix", *kinds)
    nested = one["nested_kinds"]
    if set(nested) - {"prefix", "torn", "reorder"}:
        raise PowercutError("Recovery is cut in the kinds prefix, torn and reorder; see --nested-kinds.")
    in_vain = "" if "nested" in kinds else given_in_vain("depth", "nested_kinds")
    if in_vain:
        raise PowercutError(f"{in_vain} is for recoveries that are cut; ask for nested with --kinds as well.")
    if one["reader"] is not None:
        Engine.load(one["reader"])
    explore = Explore(
        kinds=kinds,
        nested=nested if "nested" in kinds else (),
        depth=one["depth"],
        samples=one["samples"] if set(kinds) - {"prefix"} else 0,
        seed=seed if set(kinds) - {"prefix"} else 0,
        reader=one["reader"] or "",
        resume=one["resume"],
    )
    options = RunOptions(
        strict=one["strict"], keep_identical=one["keep_identical"], keep_unread=one["keep_unread"]
    )
    of_models = bool(set(OF_MODELS) & {*kinds, *explore.nested})
    if one["model"] and not of_models:
        raise PowercutError("--model is for torn and reordered writes; ask for them with --kinds as well.")
    models = _models(one["model"], known, engine) if of_models else ()
    if not models and set(kinds) <= {*OF_MODELS, "nested"}:
        raise PowercutError(f"No crash state would be looked at: {no_model(engine.name, '--model')}.")
    memory = (one["state_memory"] or 0) << 20
    return Exploring(kinds, models, explore, options, one["state_seconds"], memory)


def tell_claims(engine: Engine, models: Path | None) -> dict[str, DeviceModel]:
    """Says on standard error which claims mean nothing. Gives the device models back, those of the file too.

    Raises PowercutError.
    """
    known = known_models(models)
    for sentence in engine.unknown_claims(known):
        click.echo(f"powercut: {sentence}", err=True)
    return known


def _models(asked: tuple[str, ...], known: dict[str, DeviceModel], engine: Engine) -> tuple[DeviceModel, ...]:
    """The models asked for; if none is, those that the engine claims."""
    claims = engine.claims()
    if not asked:
        return tuple(one for name, one in known.items() if is_claimed(_fault_of(name), claims))
    names = list(known) if "all" in asked else list(dict.fromkeys(asked))
    return named(names, known)


def _fault_of(model: str) -> Fault:
    return Fault("torn", (), None, model)
