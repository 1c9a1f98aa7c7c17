# SPDX-License-Identifier: ISC
"""Holding an engine build against a golden set: read, repair, write on, image by image, in other processes.

An image is first read, and compared with what it held when it was recorded. Then the engine goes on with it:
a few operations judged with the model, with the power cut after every device event, repair included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from powercut.engine import Engine, EngineRefusedError
from powercut.errors import PowercutError
from powercut.generate import operations
from powercut.golden.coverage import shown
from powercut.golden.manifest import (
    MANIFEST,
    SUFFIX,
    Fact,
    GoldenSet,
    Holding,
    geometry_of,
    holding,
    without_times,
)
from powercut.isolated import Beat, Died, run
from powercut.judge import Violation
from powercut.processes import HANG_SECONDS
from powercut.run import RunOptions, run_trace
from powercut.shrink import first_violation
from powercut.trace import DEFAULTS, EngineOptions, EngineRef, Trace
from powercut.vocabulary import Profile
from powercut_models import Row
from powercut_models.difference import Field, compare
from powercut_models.features import KNOWN
from powercut_models.image import ImageError, survey

#: Operations that an engine does on each image.
OPERATIONS = 12

#: Verdicts under which an image holds.
GOOD = frozenset({"same", "other"})

_DIFFERENCES_MAX = 8


@dataclass(frozen=True, slots=True)
class Task:
    """One image to check."""

    engine: str
    options: EngineOptions
    golden: GoldenSet
    index: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What one image showed.

    verdict: `same` (what it held when it was recorded), `other` (another store that is right there),
    `different`, `refused`, `crash`, `hang`, or `violation`: it reads right, and something goes wrong after
    that. code: of a refusal; words: one sentence; lines: an entry or a fact each; states: crash states
    judged while the engine wrote on; changes: what it changes in the image's superblock by that, and what it
    writes that no image of the set has.
    """

    name: str
    verdict: str
    words: str = ""
    code: str = ""
    lines: tuple[str, ...] = ()
    states: int = 0
    changes: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether all is well."""
        return self.verdict in GOOD


def check(
    golden: GoldenSet,
    engine: str,
    options: EngineOptions = DEFAULTS,
    *,
    workers: int = 1,
    hang_seconds: float = HANG_SECONDS,
) -> Iterator[Checked]:
    """Every image of the set, in its order as soon as all before it are through. Raises PowercutError."""
    Engine.load(engine)
    tasks = [Task(engine, options, golden, index) for index in range(len(golden.manifest.images))]
    done: dict[int, Checked] = {}
    given = 0
    for index, outcome in run(check_here, tasks, workers=workers, hang_seconds=hang_seconds):
        name = golden.manifest.images[index].name
        done[index] = _death(name, outcome) if isinstance(outcome, Died) else outcome
        while given in done:
            yield done.pop(given)
            given += 1


def _death(name: str, died: Died) -> Checked:
    where = "while it opened or read the image" if died.item == 0 else "while it wrote on"
    what = "hangs" if died.kind == "hang" else "ended its process"
    return Checked(name, died.kind, f"the engine {what} ({died.ending}) {where}")


def check_here(task: Task, beat: Beat) -> Checked:
    """One image, in this process."""
    engine = Engine.load(task.engine)
    field = task.golden.manifest.images[task.index]
    image, geometry = task.golden.image(field), geometry_of(field)
    try:
        rows = engine.entries(image, geometry, task.options)
    except EngineRefusedError as error:
        return Checked(field.name, "refused", f"{error.what} answers {error.code}", error.code)
    timestamps = "timestamps" in engine.capabilities
    shows = holding(rows, timestamps=timestamps)
    expected = [task.golden.holding(number) for number in (field.holds, *field.allowed)]
    if not timestamps:
        expected = [without_times(store) for store in expected]
    if shows not in expected:
        lines = tuple(differences(expected[0], shows))
        return Checked(field.name, "different", "what is read is not what the image held", lines=lines)
    verdict = "same" if shows == expected[0] else "other"
    beat(1)
    trace = _trace(task, engine, image, rows)
    if trace is None:
        return Checked(field.name, verdict)
    return _written(field.name, verdict, trace, engine, rows, beat)


def _trace(task: Task, engine: Engine, image: bytes, rows: Sequence[Row]) -> Trace | None:
    """What the engine does on the image: the same for the same image and engine."""
    geometry = geometry_of(task.golden.manifest.images[task.index])
    facts = engine.facts(image, geometry, task.options)
    held = [(row.key, None if row.data is None else len(row.data)) for row in rows]
    profile = Profile(geometry, engine.capabilities, facts.name_max)
    made = operations(profile, task.index, OPERATIONS, held)
    reference = EngineRef(engine.name, engine.version, task.options)
    return Trace(geometry, tuple(made), reference, image=image)


def _written(
    name: str, verdict: str, trace: Trace, engine: Engine, rows: Sequence[Row], beat: Beat
) -> Checked:
    """The verdict once the engine has repaired the image and written on in it, cut at every device event."""
    judged = run_trace(trace, engine, RunOptions(violations_max=1), tuple(rows))
    beat(2)
    after = _after(trace, engine)
    changes = (*_superblock(trace, after), *_new(trace, after))
    if judged.violations:
        worst = first_violation(judged) or judged.violations[0]
        return Checked(
            name, "violation", _words(worst), worst.code, worst.differences, judged.checked, changes
        )
    wrong = _wrong(trace, after)
    if wrong:
        words = f"reader: what it leaves cannot be right, says an independent reader of the format: {wrong}"
        return Checked(name, "violation", words, states=judged.checked, changes=changes)
    return Checked(name, verdict, states=judged.checked, changes=changes)


def _words(violation: Violation) -> str:
    return f"{violation.kind}: {violation.words}"


# --- what is left on the disk ----------------------------------------------------------------------------


def _after(trace: Trace, engine: Engine) -> bytes:
    """The device when the engine has written on and closed it."""
    options = trace.engine.options
    with engine.record(trace.geometry, trace.operations, image=trace.image, options=options) as done:
        return done.image(done.event_count)


def _superblock(trace: Trace, after: bytes) -> Iterator[str]:
    """What the engine changes in the superblock of a littlefs image as it writes on."""
    assert trace.image is not None
    try:
        found = compare(trace.image, after, trace.geometry.block_size).superblock
    except ImageError:
        return
    for field in found:
        if field.name != "problem":
            yield f"{field.name.replace('_', ' ')} {_side(field, 'a')} -> {_side(field, 'b')}"


def _new(trace: Trace, after: bytes) -> Iterator[str]:
    """Tags of types that the format does not have and that the image did not have either."""
    assert trace.image is not None
    before, behind = (shown(image, trace.geometry.block_size) for image in (trace.image, after))
    for feature in sorted((behind or frozenset()) - (before or frozenset())):
        if feature.startswith("tag: ") and feature not in KNOWN:
            yield f"a {feature.replace('tag: ', 'tag of type ')} that the format does not have"


def _wrong(trace: Trace, after: bytes) -> str:
    """Why the image cannot be right now, where it was right before; empty: it is, or is of another format."""
    assert trace.image is not None
    size = trace.geometry.block_size
    try:
        before, behind = survey(trace.image, size), survey(after, size)
    except ImageError:
        return ""
    return "" if before.problem else behind.problem or ""


def _side(field: Field, side: str) -> str:
    value = getattr(field, side)
    return ".".join(map(str, value)) if isinstance(value, tuple) else str(value)


def differences(expected: Holding, found: Holding) -> Iterator[str]:
    """A line for each key that differs."""
    sides = [{fact[0]: fact for fact in store} for store in (expected, found)]
    keys = [key for key in sorted({*sides[0], *sides[1]}) if sides[0].get(key) != sides[1].get(key)]
    for key in keys[:_DIFFERENCES_MAX]:
        one, other = sides[0].get(key), sides[1].get(key)
        words = _fact_words(one), _fact_words(other)
        if words[0] == words[1] and one and other:
            words = f"{words[0]} of {one[4]}", f"{words[1]} of {other[4]}"
        yield f'"{key}": expected {words[0]}, found {words[1]}'
    if len(keys) > _DIFFERENCES_MAX:
        yield f"and {len(keys) - _DIFFERENCES_MAX} more"


def _fact_words(fact: Fact | None) -> str:
    if fact is None:
        return "nothing"
    return "a dictionary" if fact[3] is None else f"{fact[2]} bytes (sha256 {fact[3][:12]})"


def demand_images(golden: GoldenSet) -> None:
    """Raises PowercutError where a set has no images, one that cannot be unpacked, or one too many."""
    if not golden.manifest.images:
        raise PowercutError(f"The golden set {golden.folder} has no images; record it again.")
    named = {f"{field.name}{SUFFIX}" for field in golden.manifest.images}
    for path in sorted(golden.folder.glob(f"*{SUFFIX}")):
        if path.name not in named:
            raise PowercutError(
                f"{path} is not in {golden.folder / MANIFEST}, so that nobody knows what it holds; "
                "restore that, or take the image away."
            )
    for field in golden.manifest.images:
        golden.image(field)
