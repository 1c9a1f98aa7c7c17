# SPDX-License-Identifier: ISC
"""Recording a golden set: of all cuts of all workloads as few as show everything that any of them shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from powercut.engine import Engine, EngineRefusedError
from powercut.errors import PowercutError
from powercut.geometry import Geometry
from powercut.golden.candidates import Candidate, candidates
from powercut.golden.manifest import (
    FORMAT,
    VERSION,
    EntryField,
    GoldenField,
    Holding,
    ImageField,
    MadeField,
    save,
)
from powercut.golden.workload import GEOMETRIES, VARIANTS, WORN, Workload, operations, worn
from powercut.isolated import Beat, Died, run
from powercut.options import options_text
from powercut.trace import DEFAULTS, EngineOptions
from powercut.tryout import first_facts
from powercut.vocabulary import Profile
from powercut.wire import EngineField, GeometryField, OptionsField
from powercut_models.features import KNOWN
from powercut_models.image import ImageError, find_geometry

#: Workloads that run on every device; the others run on the first alone.
_EVERYWHERE = frozenset({"log", "values"})


@dataclass(frozen=True, slots=True)
class Request:
    """What to record. geometries: the devices, the first for all workloads; variants: what the engine is
    told, one after the other; images_max: at most so many images."""

    engine: str
    geometries: tuple[Geometry, ...] = GEOMETRIES
    variants: tuple[EngineOptions, ...] = VARIANTS
    images_max: int = 200
    note: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A set in memory. images: by name; features: how many there are, and how many the images cover;
    candidates: how many images it was chosen from."""

    manifest: GoldenField
    images: dict[str, bytes]
    features: int
    covered: int
    candidates: int


def record(request: Request) -> Recorded:
    """Records a set, in a process of its own. Raises PowercutError: the engine refuses, breaks a promise,
    crashes or hangs."""
    for _, outcome in run(record_here, [request]):
        if isinstance(outcome, Died):
            raise PowercutError(
                f"The engine {request.engine} is no build to record: it ended with a {outcome.kind} "
                f"({outcome.ending}); see `powercut run`."
            )
        return outcome
    raise AssertionError("a task without an outcome")


def record_here(request: Request, beat: Beat) -> Recorded:
    """The same in this process."""
    engine = Engine.load(request.engine)
    found = _distinct(
        candidate
        for workload in workloads(engine, request)
        for candidate in candidates(engine, workload, beat)
    )
    chosen = choose(found, request.images_max)
    every = frozenset[str]().union(*(one.features for one in found))
    covered = frozenset[str]().union(*(one.features for one, _ in chosen))
    manifest = _manifest(engine, request, chosen, covered)
    images = {field.name: one.image for field, (one, _) in zip(manifest.images, chosen, strict=True)}
    return Recorded(manifest, images, len(every), len(covered), len(found))


def write(recorded: Recorded, folder: Path) -> int:
    """Writes the set; its size in bytes. Raises PowercutError."""
    return save(folder, recorded.manifest, recorded.images)


# --- what is run ---------------------------------------------------------------------------------------


def workloads(engine: Engine, request: Request) -> Iterator[Workload]:
    """Every workload on its devices, in every variant that makes a difference. Raises PowercutError where no
    device is taken."""
    refused: EngineRefusedError | None = None
    some = False
    for number, geometry in enumerate(request.geometries):
        try:
            facts = first_facts(engine, geometry, request.variants[0])
            variants = _variants(engine, geometry, request.variants)
        except EngineRefusedError as error:
            refused = error
            continue
        some = True
        profile = Profile(geometry, engine.capabilities, facts.name_max)
        for name, ops in operations(profile).items():
            if number == 0 or name in _EVERYWHERE:
                for options in variants if number == 0 else variants[:1]:
                    variant = options_text(options) if options != variants[0] else ""
                    yield Workload(_name(name, geometry, options), geometry, options, ops, variant)
        if number == 0:
            first = variants[0]
            yield Workload(_name("worn", geometry, first), geometry, first, worn(profile), failing=WORN)
    if not some:
        raise PowercutError(
            f"{engine.name} {engine.version} takes none of the devices: {refused}; say --block-size and "
            "--block-count."
        )


def _name(name: str, geometry: Geometry, options: EngineOptions) -> str:
    told = options_text(options).replace("=", "-").replace(",", "-").replace("_", "-")
    return f"{name}-b{geometry.block_size}{'-' + told if told else ''}"


def _variants(
    engine: Engine, geometry: Geometry, wanted: Sequence[EngineOptions]
) -> tuple[EngineOptions, ...]:
    """Those that the engine takes and that make images of their own; the first is taken in any case."""
    kept: dict[bytes, EngineOptions] = {engine.format(geometry, wanted[0]): wanted[0]}
    for options in wanted[1:]:
        try:
            kept.setdefault(engine.format(geometry, options), options)
        except EngineRefusedError:
            continue
    return tuple(kept.values())


# --- what is kept --------------------------------------------------------------------------------------


def _distinct(found: Iterator[Candidate]) -> list[Candidate]:
    """Each image once, with what all who reach it allow; and of images with the same features the first."""
    images: dict[tuple[str, EngineOptions], Candidate] = {}
    shapes: set[frozenset[str]] = set()
    for one in found:
        key = one.digest, one.workload.options
        known = images.get(key)
        if known is not None:
            images[key] = replace(
                known, allowed=known.allowed & one.allowed, features=known.features | one.features
            )
        elif one.features not in shapes:
            shapes.add(one.features)
            images[key] = one
    return list(images.values())


def choose(found: Sequence[Candidate], images_max: int) -> list[tuple[Candidate, frozenset[str]]]:
    """Greedily the image with the most features that those before it lack, with these; the earlier where
    two have as many. In the order of the workloads."""
    missing = set[str]().union(*(one.features for one in found))
    chosen: dict[int, frozenset[str]] = {}
    while missing and len(chosen) < images_max:
        at = max(range(len(found)), key=lambda index: (len(found[index].features & missing), -index))
        chosen[at] = found[at].features & missing
        missing -= found[at].features
    return [(found[index], chosen[index]) for index in sorted(chosen)]


# --- the manifest --------------------------------------------------------------------------------------


class _Table:
    """Entries and stores, each once, by number."""

    def __init__(self) -> None:
        self.entries: dict[EntryKey, int] = {}
        self.contents: dict[Holding, int] = {}

    def number(self, store: Holding) -> int:
        for fact in store:
            self.entries.setdefault(fact, len(self.entries))
        return self.contents.setdefault(store, len(self.contents))


EntryKey = tuple[str, str, int | None, str | None, tuple[int, int] | None]


def _manifest(
    engine: Engine, request: Request, chosen: list[tuple[Candidate, frozenset[str]]], covered: frozenset[str]
) -> GoldenField:
    table = _Table()
    images = [_image(one, adds, table) for one, adds in chosen]
    littlefs = any(_is_littlefs(one.image) for one, _ in chosen)
    return GoldenField(
        format=FORMAT,
        version=VERSION,
        engine=EngineField(engine.name, engine.version),
        note=request.note,
        absent=sorted(KNOWN - covered) if littlefs else None,
        images=images,
        contents=[[table.entries[fact] for fact in store] for store in table.contents],
        entries=[EntryField(*fact) for fact in table.entries],
    )


def _is_littlefs(image: bytes) -> bool:
    try:
        find_geometry(image)
    except ImageError:
        return False
    return True


def _image(one: Candidate, adds: frozenset[str], table: _Table) -> ImageField:
    name = f"{one.workload.name}-{one.state:04}{f'-{one.kind}' if one.kind in ('torn', 'gap') else ''}"
    return ImageField(
        name=name,
        sha256=one.digest,
        geometry=GeometryField(**asdict(one.workload.geometry)),
        options=OptionsField(**asdict(one.workload.options)),
        made=MadeField(one.workload.name, one.kind, one.state, one.events, one.words),
        holds=table.number(one.shows),
        allowed=sorted(table.number(store) for store in sorted(one.allowed)),
        covers=sorted(adds),
    )


__all__ = ["DEFAULTS", "Recorded", "Request", "choose", "record", "record_here", "workloads", "write"]
