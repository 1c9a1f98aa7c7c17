# SPDX-License-Identifier: ISC
"""``powercut list``: the engines, device models and kinds of crash state that other commands can be told."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from powercut.cli.answer import answer, engine_fields, json_option
from powercut.cli.command import Group
from powercut.cli.types import FileName
from powercut.devices import RULES, DeviceModel, known_models
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.fault import KINDS
from powercut.native import engine_names

#: What each kind of crash state is, in a line; docs/faults.md has more.
ABOUT = {
    "prefix": "all device events up to a moment, whole and in order; every such moment",
    "torn": "the event under way arrived in part, as the device model allows",
    "reorder": "some of what was not synced is missing, as the device model allows",
    "nested": "the recovery was cut as well, up to --depth cuts in a row",
    "damage": "bytes or device calls that went wrong after a clean close",
    "full": "the device has no free block left",
}


@click.group("list", cls=Group)
def list_group() -> None:
    """List what can be named to other commands: engines, device models, kinds of crash state."""


@list_group.command("engines", examples=["powercut list engines", "powercut list engines --json"])
@json_option
def engines_command(*, as_json: bool) -> int:
    """List the built-in engines: what each can do, and what it claims to survive.

    A line has the engine's name and version, its capabilities, and behind "claims" the device models and
    damage that it says it survives. Every engine has to survive whole writes in order.
    """
    found = [_engine(name) for name in engine_names()]
    if as_json:
        return answer({"engines": found})
    for one in found:
        click.echo(one["problem"] or f"{one['name']} {one['version']}: {', '.join(one['capabilities'])}")
        if not one["problem"]:
            click.echo(f"  claims: {', '.join(one['claims']) or 'nothing beyond whole writes in order'}")
    return 0


def _engine(name: str) -> dict[str, Any]:
    """An engine; one that needs what is not installed says so in ``problem``."""
    try:
        engine = Engine.load(name)
    except PowercutError as error:
        problem = f"{name}: not usable here: {error}"
        return {
            "name": name,
            "version": None,
            "durable": None,
            "capabilities": [],
            "claims": [],
            "problem": problem,
        }
    return {
        **engine_fields(engine),
        "durable": "on sync" if "sync" in engine.capabilities else "on return",
        "capabilities": sorted(engine.capabilities - {"sync"}),
        "claims": sorted(engine.claims()),
        "problem": None,
    }


@list_group.command("models", examples=["powercut list models", "powercut list models --json"])
@click.option("--models", "path", type=FileName(), metavar="FILE", help="TOML with more of them.")
@json_option
def models_command(path: Path | None, *, as_json: bool) -> int:
    """List the device models: what a device may leave behind when the power goes."""
    known = known_models(path)
    if as_json:
        return answer({"models": [_model(one) for one in known.values()]})
    width = max(map(len, known))
    for one in known.values():
        click.echo(f"{one.name:<{width}}  {one.about}".rstrip())
    return 0


def _model(model: DeviceModel) -> dict[str, Any]:
    fields = asdict(model)
    for name in ("prog_tears", "erase_tears"):
        fields[name] = [rule for rule in RULES if rule in fields[name]]
    return fields


@list_group.command("kinds", examples=["powercut list kinds", "powercut list kinds --json"])
@json_option
def kinds_command(*, as_json: bool) -> int:
    """List the kinds of crash state."""
    if as_json:
        return answer({"kinds": [{"name": kind, "about": ABOUT[kind]} for kind in KINDS]})
    for kind in KINDS:
        click.echo(f"{kind:<8}{ABOUT[kind]}")
    return 0
