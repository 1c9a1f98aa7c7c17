# SPDX-License-Identifier: ISC
"""The plugin's options, on the command line and in ini files, and what they come to for a session."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from powercut.geometry import Geometry
from powercut.suite.settings import (
    PARSERS,
    PROFILE_DEVICES,
    PROFILES,
    RANDOM,
    Settings,
    parse_device,
    parse_profile,
)


@dataclass(frozen=True, slots=True)
class Option:
    """``--powercut-NAME`` and, in an ini file, ``powercut_NAME``. ``field``: of Settings, where it is one."""

    name: str
    metavar: str
    help: str
    parse: Callable[[str], object] = str
    field: str = ""
    many: bool = False


#: Options with a value.
OPTIONS = (
    Option("engine", "ENGINE", "Run on it: a name, ./lib.so or ./file.py:Class. Again for another.",
           many=True),
    Option("device", "DEVICE", "On this device: 512x256,prog=16,read=16,erase=0xff. Again for another.",
           parse_device, many=True),
    Option("profile", "NAME", "How much to explore: quick, nightly or exhaustive.", parse_profile),
    Option("model", "NAME,...", "The device models, or all.", PARSERS["models"], "models"),
    Option("models", "FILE", "A TOML file with more device models.", Path, "models_file"),
    Option("kinds", "KIND,...", "The kinds of crash state, or all.", PARSERS["kinds"], "kinds"),
    Option("depth", "N", "Cuts in a row of kind nested, 2 to 4.", PARSERS["depth"], "depth"),
    Option("samples", "N", "Samples at a cut where not every state is looked at.", PARSERS["samples"],
           "samples"),
    Option("resume", "N", "Operations with which a run goes on after each recovery.", PARSERS["resume"],
           "resume"),
    Option("state-seconds", "S", "A crash state that takes longer is a hang (60).", PARSERS["state_seconds"],
           "state_seconds"),
    Option("state-memory", "N", "MiB that one crash state may take (no bound).", PARSERS["state_memory"],
           "state_memory"),
    Option("budget", "N", "Generated traces in a test, at most.", PARSERS["budget"], "budget"),
    Option("ops", "N", "Operations in a generated trace.", PARSERS["ops"], "ops"),
    Option("seconds", "S", "Share so long among the tests that generate traces.", PARSERS["seconds"],
           "seconds"),
    Option("seed", "N", "Of what is generated; random: another each time.", PARSERS["seed"], "seed"),
    Option("jobs", "N", "Threads in each process.", PARSERS["jobs"], "jobs"),
    Option("save", "DIR", "Where traces that fail are saved (traces, beside the test).", Path, "save"),
)  # fmt: skip

#: Switches: name, what the ini option of that name says, help.
SWITCHES = (
    ("traces", "Make a test of every *.trace.json too."),
    ("strict", "What the engine does not claim to survive fails too."),
    ("in-process", "Run engines in pytest's own process, for debuggers and coverage."),
)


def add_options(parser: pytest.Parser) -> None:
    """Makes all options known to pytest."""
    group = parser.getgroup("powercut", "powercut: crash tests of storage engines")
    for option in OPTIONS:
        words = option.help
        group.addoption(
            f"--powercut-{option.name}",
            action="append" if option.many else "store",
            metavar=option.metavar,
            type=_argument(option.parse),
            help=words,
            dest=_dest(option.name),
        )
        if option.many:
            parser.addini(_dest(option.name), words, type="args", default=None)
        else:
            parser.addini(_dest(option.name), words, type="string", default=None)
    for name, words in SWITCHES:
        group.addoption(f"--powercut-{name}", action="store_true", help=words, dest=_dest(name))
        parser.addini(_dest(name), words, type="bool", default=False)


def _dest(name: str) -> str:
    return f"powercut_{name.replace('-', '_')}"


def _argument(parse: Callable[[str], object]) -> Callable[[str], object]:
    """A parser for argparse, whose messages are told as they are."""

    def read(text: str) -> object:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def chosen(config: pytest.Config, name: str) -> object:
    """What an option says on the command line, else in the ini file; None: nothing. Raises UsageError."""
    option = next(one for one in OPTIONS if one.name == name)
    given = config.getoption(_dest(name), default=None)
    if given is not None:
        return given
    written = config.getini(_dest(name))
    if not written:
        return None
    try:
        if option.many:
            return [option.parse(one) for one in written]
        return option.parse(written)
    except ValueError as error:
        raise pytest.UsageError(f"{_dest(name)} in {config.inipath}: {error}") from None


def switched(config: pytest.Config, name: str) -> bool:
    """Whether a switch is on."""
    return bool(config.getoption(_dest(name), default=False) or config.getini(_dest(name)))


def any_chosen(config: pytest.Config) -> bool:
    """Whether somebody uses any of the options."""
    return any(chosen(config, option.name) is not None for option in OPTIONS)


def session_settings(config: pytest.Config, seed: int | None = None) -> Settings:
    """The settings of a session. ``seed``: in place of one that would be drawn. Raises UsageError."""
    settings = PROFILES[str(chosen(config, "profile") or "quick")]
    given = {one.field: chosen(config, one.name) for one in OPTIONS if one.field}
    parsed = {field: value for field, value in given.items() if value is not None}
    parsed.pop("seconds", None)  # is shared out, see SessionTime
    settings = replace(settings, **parsed)  # type: ignore[arg-type]
    if settings.seed == RANDOM:
        settings = replace(settings, seed=secrets.randbelow(2**32) if seed is None else seed)
    return replace(
        settings,
        save=_folder(config, "save"),
        models_file=_folder(config, "models"),
        strict=switched(config, "strict"),
        isolate=not switched(config, "in-process"),
    )


def session_seconds(config: pytest.Config) -> float | None:
    """The session's time for generated traces; None: no bound."""
    seconds = chosen(config, "seconds")
    return float(str(seconds)) if seconds is not None else None


def session_devices(config: pytest.Config, by_conftest: list[str] | None) -> list[Geometry]:
    """The devices, one or more: of the command line, else of a conftest.py, of the ini file, of the profile.

    Raises UsageError.
    """
    given = config.getoption(_dest("device"), default=None)
    if given is None and by_conftest:
        try:
            given = [parse_device(text) for text in by_conftest]
        except ValueError as error:
            raise pytest.UsageError(f"pytest_powercut_devices: {error}") from None
    given = chosen(config, "device") if given is None else given
    if isinstance(given, list):
        return list(dict.fromkeys(given))
    return list(PROFILE_DEVICES[str(chosen(config, "profile") or "quick")])


def session_engines(config: pytest.Config, by_conftest: list[str] | None) -> list[str]:
    """The engines: of the command line, else of a conftest.py, else of the ini file; paths made absolute."""
    typed = config.getoption(_dest("engine"), default=None)
    if typed:
        return list(dict.fromkeys(_engine(name, config.invocation_params.dir) for name in typed))
    if by_conftest:
        return list(dict.fromkeys(_engine(name, config.invocation_params.dir) for name in by_conftest))
    written = chosen(config, "engine")
    return [_engine(str(name), _ini_folder(config)) for name in written] if isinstance(written, list) else []


def _engine(name: str, folder: Path) -> str:
    """The engine with its path from the folder made absolute; names and modules stay as they are."""
    path, colon, attribute = name.rpartition(":") if ":" in name else (name, "", "")
    if "/" not in path and not path.endswith(".py"):
        return name
    return f"{(folder / path).resolve()}{colon}{attribute}"


def engine_ids(names: list[str]) -> list[str]:
    """What the engines are called in test names: the name, the class, the library's stem; all differ."""
    short = [name.rpartition(":")[2] if ":" in name else Path(name).stem for name in names]
    return [one if short.count(one) == 1 else name for one, name in zip(short, names, strict=True)]


def _folder(config: pytest.Config, name: str) -> Path | None:
    """An option's path: as typed, from here; as written in the ini file, from there; None: neither."""
    typed = config.getoption(_dest(name), default=None)
    if typed is not None:
        return Path(config.invocation_params.dir, typed).resolve()
    written = chosen(config, name)
    return (_ini_folder(config) / str(written)).resolve() if written is not None else None


def _ini_folder(config: pytest.Config) -> Path:
    return config.inipath.parent if config.inipath else config.rootpath
