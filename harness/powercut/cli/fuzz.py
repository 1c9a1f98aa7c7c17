# SPDX-License-Identifier: ISC
"""``powercut fuzz``: coverage-guided bulk runs."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from powercut.again import engine_option
from powercut.campaign import Campaign, Plan, Tally
from powercut.cli.ahead import demand_folder
from powercut.cli.answer import INTERRUPTED as BROKEN_OFF
from powercut.cli.answer import answer, json_option
from powercut.cli.command import Command
from powercut.cli.exploring import Exploring, exploring_options, take_exploring
from powercut.cli.report import report_json, report_text
from powercut.cli.run import default_jobs
from powercut.cli.show import Progress
from powercut.cli.types import ENGINE, FileName, Seconds
from powercut.corpus import OPS_MAX
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.fuzz import CorpusSource, Fuzzed, FuzzPlan, Target, build, environment, fuzz, kept, seed_corpus
from powercut.save import Saved, save_failures
from powercut.source import ExploringSource
from powercut.trace import EngineRef
from powercut.unseen import Unseen

FOLDER = FileName()

#: Findings that are told one by one.
FINDINGS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for."""

    engine: str
    instrumented: Path | None
    exploring: Exploring
    seconds: float
    ops: int
    seed: int
    jobs: int
    work: Path
    inputs: tuple[Path, ...]
    save: Path
    shrink: bool
    as_json: bool

    def plan(self, engine: Engine) -> FuzzPlan:
        """The part that is about fuzzing. It accuses the engine of nothing that it does not claim."""
        exploring, claims = self.exploring, engine.claims()
        models = tuple(one for one in exploring.models if exploring.options.strict or one.name in claims)
        return FuzzPlan(
            self.work,
            self.seconds,
            self.jobs,
            self.ops,
            self.seed,
            exploring.explore,
            models,
            exploring.hang_seconds,
        )


@click.command(
    "fuzz",
    cls=Command,
    slow=[
        "powercut fuzz --seconds 60",
        "powercut fuzz --engine ./libmine.so --instrumented ./libmine-fuzz.so --kinds prefix,torn",
        "powercut fuzz --input build/explore/findings/crash-0a1b2c",
    ],
    exits={0: "nothing was found", 1: "a promise is broken"},
)
@click.option("--engine", type=ENGINE, default="skink", help="A name, or ./library.so.")
@exploring_options
@click.option("--instrumented", type=FOLDER, help="The same engine, compiled with -fsanitize=fuzzer-no-link.")
@click.option("--seconds", type=Seconds(1), default=60, show_default=True, help="Fuzz for so long.")
@click.option("--ops", type=click.IntRange(1, OPS_MAX), default=24, show_default=True, help="In an input.")
@click.option("--seed", type=click.IntRange(1, 2**31), help="Of the fuzzer's draws (drawn, printed).")
@click.option("--jobs", type=click.IntRange(1, 1024), help="Processors to use (all).")
@click.option(
    "--work", type=FOLDER, default=Path("build/explore"), show_default=True, help="Corpus and driver."
)
@click.option(
    "--input", "inputs", type=FOLDER, multiple=True, help="Only run this input, and show what it says."
)
@click.option("--save", type=FOLDER, default=Path("traces"), show_default=True, help="Where violations go.")
@click.option("--shrink/--no-shrink", default=True, show_default=True, help="Make them small before.")
@json_option
def fuzz_command(**given: Any) -> int:
    """Let a fuzzer make up workloads that reach ever more of an engine's code, and cut the power in each.

    It goes on from the corpus of the last time. What it kept is at the end judged by the model.
    """
    given["seed"] = given["seed"] or 1 + secrets.randbelow(2**31)
    given["jobs"] = given["jobs"] or default_jobs()
    if ":" in given["engine"]:
        raise PowercutError(
            "An engine in Python has no coverage to go by; powercut fuzz is for compiled ones."
        )
    engine = Engine.load(given["engine"])
    request = Request(exploring=take_exploring(given, engine, given["seed"]), **given)
    demand_folder(request.save, "--save")
    plan = request.plan(engine)
    with Console(stderr=True).status("building the fuzzer"):
        target = build(plan, request.engine, request.instrumented)
    if request.inputs:
        return _show(plan, target, request.inputs)
    seed_corpus(plan, engine)
    with Console(stderr=True).status("fuzzing") as status:
        fuzzed = fuzz(plan, target, _teller(status.update))
    judge = _Judge(request, engine, kept(plan, findings_only=fuzzed.interrupted))
    return judge.told(fuzzed)


def _show(plan: FuzzPlan, target: Target, inputs: tuple[Path, ...]) -> int:
    """Runs the driver on some inputs, its words on the terminal."""
    plan.findings.mkdir(parents=True, exist_ok=True)
    command = [str(target.driver), *map(str, inputs)]
    return 1 if subprocess.run(command, env=environment(plan, target), check=False).returncode else 0


def _teller(update: Callable[[str], None]) -> Callable[[Fuzzed], None]:
    def tell(made: Fuzzed) -> None:
        rate = made.executions / made.seconds if made.seconds else 0.0
        update(
            f"fuzzing: {made.executions:,} inputs, {rate:,.0f}/s, {made.edges:,} edges of the engine, "
            f"{made.seconds:,.0f} s"
        )

    return tell


class _Judge:
    """Runs what the fuzzer kept on the plain engine, by the model, and tells."""

    def __init__(self, request: Request, engine: Engine, files: tuple[Path, ...]) -> None:
        self._request, self._engine, self._files = request, engine, files
        self._corpus = request.work / "corpus"
        source = CorpusSource(files, EngineRef(engine.name, engine.version), engine.capabilities)
        exploring = request.exploring
        self._plan = Plan(
            request.engine,
            ExploringSource(source, exploring.explore, exploring.models),
            traces=len(files),
            workers=request.jobs,
            options=exploring.options,
            failures_max=len(files) + 1,
            hang_seconds=exploring.hang_seconds,
            memory_bytes=exploring.memory_bytes,
        )

    def told(self, fuzzed: Fuzzed) -> int:
        """Judges, prints, and answers the exit code."""
        tally, saved = self._judged()
        unseen = self._request.exploring.unseen(tally, self._engine)
        report = self._report(fuzzed, tally, saved, unseen)
        if not self._request.as_json:
            click.echo("\n".join(self._lines(report, unseen)))
        interrupted = fuzzed.interrupted or tally.interrupted
        if report["findings"] or tally.failures:
            return answer(report, 130 if interrupted else 1, "violation")
        return answer(report, 130, BROKEN_OFF) if interrupted else answer(report, 0, "held")

    def _judged(self) -> tuple[Tally, list[Saved]]:
        if not self._files:
            return Tally(), []
        with Progress(self._plan, shown=not self._request.as_json) as progress:
            campaign = Campaign(self._plan, progress.update)
            tally = campaign.run()
            shrink = self._request.shrink and not tally.interrupted
            progress.finish(shrinking=shrink and bool(tally.failures))
            saved = save_failures(campaign, tally, self._engine, self._request.save, shrink=shrink)
        return tally, saved

    def _report(
        self, fuzzed: Fuzzed, tally: Tally, saved: list[Saved], unseen: Sequence[Unseen]
    ) -> dict[str, Any]:
        failed = {self._files[failure.index].name for failure in tally.failures}
        corpus = [path for path in self._files if path.parent == self._corpus]
        findings = [path for path in self._files if path.parent != self._corpus]
        return {
            "executions": fuzzed.executions,
            "states": fuzzed.states,
            "edges": fuzzed.edges,
            "corpus": len(corpus),
            "seconds": round(fuzzed.seconds, 3),
            "findings": [
                {
                    "input": str(path),
                    "words": fuzzed.fatal.get(path.name, ""),
                    "by_the_model": path.name in failed,
                }
                for path in findings
            ],
            "judged": report_json(self._plan, self._engine, self._request.seed, tally, saved, unseen),
        }

    def _lines(self, report: dict[str, Any], unseen: Sequence[Unseen]) -> list[str]:
        judged = report["judged"]
        lines = [
            f"{report['executions']:,} inputs in {report['seconds']:.0f} s, {report['states']:,} crash "
            f"states, {report['edges']:,} edges of the engine reached; {report['corpus']:,} inputs kept in "
            f"{self._corpus}",
        ]
        for one in report["findings"][:FINDINGS_SHOWN]:
            words = one["words"] or "a crash state is not what the engine showed without a cut"
            model = (
                "the model says so too"
                if one["by_the_model"]
                else "on the plain engine the model finds nothing"
            )
            lines.append(f"finding {one['input']}: {words}; {model}")
        if len(report["findings"]) > FINDINGS_SHOWN:
            lines.append(f"and {len(report['findings']) - FINDINGS_SHOWN} more findings")
        text = report_text(judged, engine_option(self._engine, Path.cwd()), unseen)
        return [*lines, "", "what was kept, judged by the model:", text]
