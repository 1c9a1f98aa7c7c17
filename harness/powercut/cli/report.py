# SPDX-License-Identifier: ISC
"""The result of ``powercut run``, as one JSON object and as text."""

from __future__ import annotations

from typing import Any

from powercut.campaign import Plan, Tally
from powercut.engine import Engine
from powercut.save import Saved


def report_json(plan: Plan, engine: Engine, seed: int, tally: Tally, saved: list[Saved]) -> dict[str, Any]:
    """Everything that is known about the campaign; ``violations`` counts the traces that broke a promise."""
    return {
        "engine": {"name": engine.name, "version": engine.version},
        "seed": seed,
        "jobs": max(plan.workers, plan.threads),
        "traces": tally.traces,
        "operations": tally.operations,
        "device_events": tally.events,
        "crash_states": {
            "prefix": {
                "total": tally.total,
                "checked": tally.checked,
                "identical": tally.identical,
                "left": tally.total - tally.checked - tally.identical,
                "exhaustive": tally.total == tally.checked + tally.identical,
            }
        },
        "write_probes_full": tally.no_space,
        "violations": len(tally.failures),
        "failures": [failure_json(one) for one in saved],
        "seconds": round(tally.seconds, 3),
        "states_per_second": round(tally.states_per_second, 1),
        "interrupted": tally.interrupted,
    }


def failure_json(saved: Saved) -> dict[str, Any]:
    """One trace that failed: what it showed, and where it was saved."""
    expect = saved.trace.expect
    return {
        "trace": saved.index,
        "kind": expect.kind,
        "state": expect.state,
        "words": expect.words,
        "operations": len(saved.trace.operations),
        "saved": None if saved.path is None else str(saved.path),
    }


def report_text(report: dict[str, Any]) -> str:
    """The same for people."""
    engine, states = report["engine"], report["crash_states"]["prefix"]
    lines = [
        f"{engine['name']} {engine['version']}, seed {report['seed']}, {report['jobs']} jobs: "
        f"{report['traces']:,} traces, {report['operations']:,} operations, "
        f"{report['device_events']:,} device events",
        f"power cut after every device event: {states['total']:,} crash states, {states['checked']:,} "
        f"recovered and judged, {states['identical']:,} identical to an earlier one",
    ]
    if states["left"]:
        lines.append(f"{states['left']:,} crash states were left, behind a violation or an interruption")
    if report["write_probes_full"]:
        lines.append(f"{report['write_probes_full']:,} write probes met a full device")
    if "workload" in report:
        lines.append(report["workload"]["words"])
    lines.append(f"{report['seconds']:.1f} s, {report['states_per_second']:,.0f} crash states a second")
    for failure in report["failures"]:
        lines.extend(("", *_failure_lines(failure)))
    if report["interrupted"]:
        lines.append("interrupted: the counts are of what was done until then")
    count = report["violations"]
    lines.append("held: no violation" if not count else f"VIOLATED by {count} of {report['traces']:,} traces")
    return "\n".join(lines)


def _failure_lines(failure: dict[str, Any]) -> list[str]:
    lines = [f"violation: {failure['kind']} (trace {failure['trace']})", f"  {failure['words']}"]
    if failure["saved"]:
        lines.append(f"  {failure['operations']} operations: powercut replay {failure['saved']}")
    return lines
