# SPDX-License-Identifier: ISC
"""Proof that it bites: bugs planted in copies of skink, each of which a campaign has to find.

    python -m powercut.mutants list              what there is
    python -m powercut.mutants build NAME        the mutant as an engine's library
    python -m powercut.mutants run [NAME ...]    each is built, caught, its trace made small and replayed

A mutant is a patch in tests/mutants. The first lines of its header say, in one sentence each, what it
`Breaks:`, and by which kinds of violation it may be `Caught by:`. `Start:` is `torn` or `cut` for one that
only shows on a device that lost power earlier; `Operations:` says how many a workload needs. With `Needs:` it
is not counted: no campaign can see it yet.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.table import Table

from powercut import patches
from powercut.campaign import Campaign, Plan, failure_kind
from powercut.cli.run import default_jobs, profile
from powercut.compiling import Compiler, DoesNotCompileError
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.generate import GEOMETRIES
from powercut.replay import replay
from powercut.run import RunOptions
from powercut.source import GeneratedSource, Source
from powercut.trace import SUFFIX, EngineRef, Trace, save
from powercut.worn import WornSource

#: The engine in which bugs are planted, and what is compiled into its library.
ENGINE = "skink"
SOURCES = ("skink/*.c", "blockdev/*.c", "engines/skink.c")
INCLUDES = ("include", "skink", "blockdev")

#: In a trace, where a patch does not say otherwise.
OPERATIONS = 60

#: Crash states and operations that making one trace small may cost; see shrink.py.
SHRINK_BUDGET = 150_000

_FIELD = re.compile(r"(Breaks|Caught by|Start|Operations|Needs): (.+)")
_VERSION = re.compile(r'(#define SKINK_VERSION "[^"]*)"')


@dataclass(frozen=True, slots=True)
class Mutant:
    """One planted bug. ``start``: empty, ``cut`` or ``torn``. ``operations``: in a trace. ``needs``: why it
    cannot be caught yet; else empty."""

    name: str
    breaks: str
    caught_by: frozenset[str]
    start: str
    operations: int
    needs: str
    patch: patches.Patch


@dataclass(frozen=True, slots=True)
class Search:
    """How to look for the violation: ``seconds`` at most, before the trace is made small."""

    seed: int = 2026
    seconds: float = 60.0
    jobs: int = 1
    budget: int = SHRINK_BUDGET


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one mutant. ``kind``: empty if nothing was found. ``states``, ``seconds``: until it was.
    ``trace``: made small; ``again``: it fails on the mutant once more; ``held``: and not on the engine
    itself."""

    mutant: Mutant
    kind: str
    states: int
    seconds: float
    trace: Trace | None = None
    path: Path | None = None
    again: bool = False
    held: bool = False

    @property
    def caught(self) -> bool:
        """Whether it was caught by a violation that fits, in a trace that shows this bug and nothing else."""
        return self.kind in self.mutant.caught_by and self.again and self.held


# --- the patches -----------------------------------------------------------------------------------------


def source_root() -> Path:
    """The source tree. Raises PowercutError outside of one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "tests" / "mutants").is_dir() or not (root / "csrc").is_dir():
        raise PowercutError("The planted bugs are in the source tree only; get powercut from its repository.")
    return root


def load_mutants(names: Sequence[str] = ()) -> list[Mutant]:
    """The mutants of these names, by name; none given: all. A name may be its number, or lack it. Raises
    PowercutError."""
    folder = source_root() / "tests" / "mutants"
    found = [_load(path) for path in sorted(folder.glob("*.patch"))]
    if not names:
        return found
    return [_named(name, found) for name in names]


def _load(path: Path) -> Mutant:
    try:
        patch = patches.parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, patches.PatchError) as error:
        raise PowercutError(f"Cannot read the planted bug {path.name}: {error}.") from error
    fields = {match[1]: match[2] for match in map(_FIELD.match, patch.header) if match}
    for name in ("Breaks", "Caught by"):
        if not fields.get(name):
            raise PowercutError(f"The planted bug {path.name} lacks the line {name!r} in its header.")
    kinds = frozenset(kind.strip() for kind in fields["Caught by"].split(","))
    count = fields.get("Operations", str(OPERATIONS))
    start, needs = fields.get("Start", ""), fields.get("Needs", "")
    if not count.isdigit() or start not in ("", "cut", "torn"):
        raise PowercutError(f"The planted bug {path.name} has a header that cannot be: {start or count}.")
    return Mutant(path.stem, fields["Breaks"], kinds, start, int(count), needs, patch)


def _named(name: str, mutants: Sequence[Mutant]) -> Mutant:
    for mutant in mutants:
        if name in (mutant.name, *mutant.name.split("-", 1)):
            return mutant
    raise PowercutError(f"There is no planted bug {name}; see `python -m powercut.mutants list`.")


# --- building --------------------------------------------------------------------------------------------


def plant(mutant: Mutant, place: Path) -> list[Path]:
    """A copy of the C sources with the bug in it, in ``place``; answers the files that changed. Raises
    PowercutError where the patch does not apply."""
    shutil.copytree(source_root() / "csrc", place / "csrc")
    changed = []
    for name, hunks in mutant.patch.files.items():
        path = place / name
        try:
            path.write_text(patches.apply(hunks, path.read_text(encoding="utf-8")), encoding="utf-8")
        except (OSError, patches.PatchError) as error:
            reason = f"{name} is not there" if isinstance(error, OSError) else f"in {name} {error}"
            raise PowercutError(
                f"The planted bug tests/mutants/{mutant.name}.patch no longer applies: {reason}; make the "
                "patch anew."
            ) from error
        changed.append(path)
    header = place / "csrc" / "include" / "skink.h"
    header.write_text(_VERSION.sub(rf'\1+{mutant.name}"', header.read_text(encoding="utf-8")))
    return changed


def compiler(place: Path, *arguments: str) -> Compiler:
    """What compiles a copy that ``plant`` made."""
    return Compiler(place, ("-std=c11", *arguments, *(f"-Icsrc/{folder}" for folder in INCLUDES)))


def build(mutant: Mutant, folder: Path, objects: Path | None = None) -> Path:
    """The mutant's library in ``folder``; ``objects``: where what was compiled is kept for other mutants.
    Raises PowercutError."""
    library = folder / f"{mutant.name}.so"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mutant-", dir=folder) as made:
        place = Path(made)
        plant(mutant, place)
        files = [file for pattern in SOURCES for file in sorted((place / "csrc").glob(pattern))]
        names = [str(file.relative_to(place)) for file in files]
        output = place / library.name
        try:
            compiler(place, "-O1", "-w", "-fPIC", "-pthread").library(
                names, objects or place / "objects", output
            )
        except DoesNotCompileError as error:
            raise PowercutError(
                f"The planted bug {mutant.name} does not compile: {error}; mend its patch."
            ) from error
        output.replace(library)
    return library


# --- catching --------------------------------------------------------------------------------------------


def hunt(mutant: Mutant, library: Path, search: Search, folder: Path) -> Outcome:
    """Looks for the bug, makes its trace small, saves it in ``folder`` and replays it. Raises PowercutError,
    and KeyboardInterrupt."""
    engine = Engine.load(str(library))
    source = make_source(mutant, engine, search)
    options = RunOptions(violations_max=1)
    plan = Plan(
        str(library), source, seconds=search.seconds, workers=search.jobs, failures_max=1, options=options
    )
    campaign = Campaign(plan)
    tally = campaign.run()
    if tally.interrupted:
        raise KeyboardInterrupt
    if not tally.failures:
        return Outcome(mutant, "", tally.total - tally.sum.left, tally.seconds)
    failure = tally.failures[0]
    small = campaign.shrink(failure, search.budget)
    trace = replace(small, note=f"{mutant.name}: {mutant.breaks}")
    path = folder / f"{mutant.name}{SUFFIX}"
    save(trace, path)
    kind = failure_kind(failure)
    again = replay(trace, str(library)).expected and trace.expect.kind == kind
    held = replay(trace, ENGINE).violation is None
    return Outcome(mutant, kind, tally.total - tally.sum.left, tally.seconds, trace, path, again, held)


def make_source(mutant: Mutant, engine: Engine, search: Search) -> Source:
    """The traces in which the mutant is looked for. Raises PowercutError."""
    profiles = tuple(profile(engine, geometry) for geometry in GEOMETRIES)
    reference = EngineRef(engine.name, engine.version)
    if not mutant.start:
        return GeneratedSource(search.seed, mutant.operations, profiles, reference)
    torn = mutant.start == "torn"
    return WornSource(search.seed, mutant.operations // 2, profiles, reference, ENGINE, torn)


# --- the command line ------------------------------------------------------------------------------------


def show(outcomes: Sequence[Outcome], console: Console) -> None:
    """A table of what came of each."""
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    for title in ("mutant", "caught by", "states", "seconds", "ops", "on it", "skink"):
        right = title in ("states", "seconds", "ops")
        table.add_column(title, no_wrap=True, justify="right" if right else "left")
    for one in outcomes:
        operations = "" if one.trace is None else str(len(one.trace.operations))
        caught = f"[green]{one.kind}" if one.caught else f"[bold red]{one.kind or 'nothing'}"
        table.add_row(
            one.mutant.name,
            caught,
            f"{one.states:,}",
            f"{one.seconds:.1f}",
            operations,
            _sign(one, one.again, "fails", "holds"),
            _sign(one, one.held, "holds", "fails"),
        )
    console.print(table)


def _sign(one: Outcome, good: bool, right: str, wrong: str) -> str:
    """What a replay showed, in red where it should not have."""
    return "" if one.trace is None else right if good else f"[bold red]{wrong}"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Plants bugs in copies of skink, and sees to it that each is caught."""


@cli.command("list")
def list_command() -> int:
    """Every planted bug, what it breaks, and what may catch it."""
    for mutant in load_mutants():
        how = f"not counted: needs {mutant.needs}" if mutant.needs else ", ".join(sorted(mutant.caught_by))
        click.echo(f"{mutant.name}\n    {mutant.breaks}\n    {how}")
    return 0


@cli.command("build")
@click.argument("name")
@click.option("--output", type=click.Path(path_type=Path), default=Path("build/mutants"), show_default=True)
def build_command(name: str, output: Path) -> int:
    """Build one mutant as a library for `powercut run --engine`, and print its path."""
    (mutant,) = load_mutants([name])
    click.echo(build(mutant, output, output / "objects"))
    return 0


@cli.command("run")
@click.argument("names", nargs=-1)
@click.option("--seed", type=click.IntRange(0), default=2026, show_default=True, help="Of the workloads.")
@click.option("--seconds", type=click.FloatRange(0.1), default=60.0, show_default=True, help="For each.")
@click.option("--jobs", type=click.IntRange(1, 1024), help="Processors to use (all).")
@click.option("--save", type=click.Path(path_type=Path), default=Path("build/mutants"), show_default=True)
def run_command(names: tuple[str, ...], seed: int, seconds: float, jobs: int | None, save: Path) -> int:
    """Build, catch, make small and replay: all that can be caught, or those named. 0: all were caught."""
    console = Console(highlight=False)
    mutants = load_mutants(names)
    chosen = [mutant for mutant in mutants if names or not mutant.needs]
    search = Search(seed=seed, seconds=seconds, jobs=jobs or default_jobs())
    outcomes: list[Outcome] = []
    try:
        _hunt_all(chosen, search, save, outcomes)
    except KeyboardInterrupt:
        show(outcomes, console)
        click.echo(f"interrupted after {len(outcomes)} of {len(chosen)} mutants", err=True)
        return 130
    except PowercutError:
        if outcomes:
            show(outcomes, console)
        raise
    show(outcomes, console)
    caught = sum(one.caught for one in outcomes)
    console.print(f"{caught} of {len(outcomes)} caught, seed {seed}; traces in {save}")
    for mutant in mutants:
        if mutant not in chosen:
            console.print(f"not counted: {mutant.name}, which needs {mutant.needs}")
    return 0 if caught == len(outcomes) else 1


def _hunt_all(mutants: Sequence[Mutant], search: Search, folder: Path, outcomes: list[Outcome]) -> None:
    """Each in turn; what came of it is appended at once, so that an interruption loses none."""
    console = Console(stderr=True, highlight=False)
    libraries = []
    for mutant in mutants:  # first of all, so that a patch that no longer applies is told at once
        with console.status(f"building {mutant.name}"):
            libraries.append(build(mutant, folder, folder / "objects"))
    for mutant, library in zip(mutants, libraries, strict=True):
        start = time.monotonic()
        with console.status(f"hunting {mutant.name}: {mutant.breaks}"):
            outcomes.append(hunt(mutant, library, search, folder))
        kind = outcomes[-1].kind or "nothing"
        console.print(f"{mutant.name}: {kind} after {time.monotonic() - start:.1f} s")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and answers its exit code: 0, 1, 2 (bad usage or environment) or 130."""
    try:
        result = cli.main(args=arguments, prog_name="python -m powercut.mutants", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        return _say(error.format_message())
    except PowercutError as error:
        return _say(str(error))
    except OSError as error:
        return _say(f"The system refuses {error.filename or 'this'}: {error.strerror or error}.")
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        with contextlib.suppress(OSError):
            sys.stdout.close()
        return 141


def _say(sentence: str) -> int:
    print(f"powercut: {' '.join(sentence.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
