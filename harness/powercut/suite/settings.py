# SPDX-License-Identifier: ISC
"""What a test of a suite is to explore: its marker, the session's options, and the profile below them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from powercut.fault import CUTS_MAX, KINDS, RESUME_MAX
from powercut.geometry import Geometry

#: The device of a suite that names none.
DEVICE = Geometry(16, 16, 512, 256, 0xFF)

#: What the seed is where none is to be the same.
RANDOM = -1


@dataclass(frozen=True, slots=True)
class Settings:
    """How a test explores.

    ``budget``: generated traces in a test, at most. ``seconds``: for beginning them; None: no bound.
    ``ops``: operations in each. ``kinds``, ``models`` (none: those that the engine claims; ``all``),
    ``models_file`` (with more of them), ``depth``, ``samples``: which crash states, see docs/faults.md.
    ``resume``: operations with which a run goes on after each recovery.
    ``state_seconds``, ``state_memory`` (MiB): what an isolated crash state may take; 0: as usual.
    ``strict``: what the engine does not claim to survive fails too. ``seed``: of what is generated. ``jobs``:
    threads. ``isolate``: run the engine in a child process, which it may crash. ``save``: the folder for
    traces that fail; None: ``traces`` beside the test.
    """

    profile: str = "quick"
    budget: int = 20
    seconds: float | None = None
    ops: int = 40
    kinds: tuple[str, ...] = ("prefix", "torn", "reorder")
    models: tuple[str, ...] = ()
    models_file: Path | None = None
    depth: int = 2
    samples: int = 8
    resume: int = 0
    state_seconds: float = 0.0
    state_memory: int = 0
    strict: bool = False
    seed: int = 0
    jobs: int = 1
    isolate: bool = True
    save: Path | None = None


#: What a session explores where neither a marker nor an option says otherwise.
PROFILES: dict[str, Settings] = {
    "quick": Settings(),
    "nightly": Settings(profile="nightly", budget=200, ops=60, kinds=KINDS, resume=3, seed=RANDOM),
    "exhaustive": Settings(profile="exhaustive", budget=50, ops=20, kinds=KINDS, samples=64, resume=3),
}

#: The devices of a profile that goes through several.
PROFILE_DEVICES: dict[str, tuple[Geometry, ...]] = {
    "quick": (DEVICE,),
    "nightly": (DEVICE, Geometry(64, 64, 256, 256, None), Geometry(512, 512, 4096, 64, 0x00)),
    "exhaustive": (Geometry(16, 16, 512, 48, 0xFF),),
}

#: What the marker takes.
MARKER = (
    "budget",
    "seconds",
    "ops",
    "kinds",
    "models",
    "depth",
    "samples",
    "resume",
    "seed",
    "state_seconds",
    "state_memory",
)


def _number(name: str, low: int, high: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        try:
            number = int(str(value), 0)
        except ValueError:
            raise ValueError(f"{name} is {value!r}, and must be a whole number") from None
        if not low <= number <= high:
            raise ValueError(f"{name} is {number}, and must be {low} to {high}")
        return number

    return parse


def _seconds(name: str) -> Callable[[object], float]:
    def parse(value: object) -> float:
        try:
            seconds = float(str(value))
        except ValueError:
            raise ValueError(f"{name} is {value!r}, and must be a number") from None
        if not 0 < seconds < 1e9:
            raise ValueError(f"{name} is {value}, and must be more than 0")
        return seconds

    return parse


def parse_seed(value: object) -> int:
    """A seed, or ``random``. Raises ValueError."""
    return RANDOM if value == "random" else _number("seed", 0, 2**64 - 1)(value)


def names(value: object) -> tuple[str, ...]:
    """Names with commas between them, or several of them, each once."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, Iterable):
        raise ValueError(f"{value!r} is no list of names")
    return tuple(dict.fromkeys(name for part in parts if (name := str(part).strip())))


def parse_kinds(value: object) -> tuple[str, ...]:
    """Kinds of crash state in the order of KINDS; ``all``: every one. Raises ValueError."""
    asked = names(value)
    for name in asked:
        if name not in (*KINDS, "all"):
            raise ValueError(f"there is no kind {name!r}; there are {', '.join(KINDS)}, and all")
    if not asked:
        raise ValueError(f"no kind is named; there are {', '.join(KINDS)}, and all")
    if asked == ("nested",):  # a recovery is one from another state
        asked = ("prefix", "nested")
    return KINDS if "all" in asked else tuple(kind for kind in KINDS if kind in asked)


def parse_profile(value: object) -> str:
    """A profile's name. Raises ValueError."""
    if value not in PROFILES:
        raise ValueError(f"there is no profile {value!r}; there are {', '.join(PROFILES)}")
    return str(value)


def parse_device(text: object) -> Geometry:
    """``BLOCKSIZExBLOCKS``, and where wanted ``,prog=N``, ``,read=N``, ``,erase=BYTE`` or ``,erase=none``.

    Raises ValueError.
    """
    shape, *more = str(text).split(",")
    size, _, count = shape.partition("x")
    fields = dict(part.partition("=")[::2] for part in more)
    unknown = set(fields) - {"prog", "read", "erase"}
    if unknown or not (size.isdigit() and count.isdigit()):
        raise ValueError(f"{text!r} is no device; one is written 512x256,prog=16,read=16,erase=0xff")
    whole = _number("a device's number", 1, 2**31 - 1)
    prog = whole(fields.get("prog", min(16, int(size))))
    read = whole(fields.get("read", min(16, prog)))
    erase = fields.get("erase", "0xff")
    value = None if erase == "none" else _number("erase", 0, 255)(erase)
    geometry = Geometry(read, prog, int(size), int(count), value)
    problem = geometry.problem()
    if problem is not None:
        raise ValueError(f"{text!r} is no device: {problem}")
    return geometry


def device_id(geometry: Geometry) -> str:
    """A device as ``parse_device`` takes it, without what is usual."""
    parts = [f"{geometry.block_size}x{geometry.block_count}"]
    if geometry.prog_size != min(16, geometry.block_size):
        parts.append(f"prog={geometry.prog_size}")
    if geometry.read_size != min(16, geometry.prog_size):
        parts.append(f"read={geometry.read_size}")
    if geometry.erase_value != 0xFF:
        parts.append(f"erase={'none' if geometry.erase_value is None else geometry.erase_value}")
    return ",".join(parts)


#: How a value of Settings is read, from an option, an ini file or a marker.
PARSERS: dict[str, Callable[[object], object]] = {
    "budget": _number("budget", 1, 10**9),
    "seconds": _seconds("seconds"),
    "ops": _number("ops", 1, 1_000_000),
    "kinds": parse_kinds,
    "models": names,
    "depth": _number("depth", 2, CUTS_MAX),
    "samples": _number("samples", 0, 1_000_000),
    "resume": _number("resume", 0, RESUME_MAX),
    "state_seconds": _seconds("state_seconds"),
    "state_memory": _number("state_memory", 16, 2**31 - 1),
    "seed": parse_seed,
    "jobs": _number("jobs", 1, 1024),
}


def with_marker(settings: Settings, given: Mapping[str, object], positional: tuple[object, ...]) -> Settings:
    """The settings with what a marker says in place of theirs. Raises ValueError."""
    if positional:
        raise ValueError(f"it takes names only, as in powercut({MARKER[0]}=10)")
    for name in given:
        if name not in MARKER:
            raise ValueError(f"it has no {name!r}; it has {', '.join(MARKER)}")
    if given.get("seed") == "random":
        raise ValueError("its seed is a number; --powercut-seed may be random")
    parsed = {name: PARSERS[name](value) for name, value in given.items()}
    return replace(settings, **parsed)  # type: ignore[arg-type]
