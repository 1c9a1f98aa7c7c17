# SPDX-License-Identifier: ISC
"""The result of ``powercut run``, as one JSON object and as text."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from powercut.campaign import Plan, Tally
from powercut.counts import Count, how_many, is_exhaustive, left_words, unclaimed_words
from powercut.engine import Engine
from powercut.fault import KINDS
from powercut.judge import Violation
from powercut.save import Saved
from powercut.unseen import Unseen
from powercut.why import why_text


def report_json(
    plan: Plan, engine: Engine, seed: int, tally: Tally, saved: list[Saved], unseen: Sequence[Unseen]
) -> dict[str, Any]:
    """Everything that is known about the campaign; ``violations`` counts the traces that broke a promise."""
    return {
        "engine": {"name": engine.name, "version": engine.version},
        "seed": seed,
        "jobs": max(plan.workers, plan.threads),
        "traces": tally.traces,
        "operations": tally.operations,
        "device_events": tally.events,
        "crash_states": states_json(tally),
        "not_looked_at": [one.fields() for one in unseen],
        "unclaimed": {
            "violations": tally.unclaimed_total,
            "examples": [violation_json(one.violations[0]) for one in tally.unclaimed],
        },
        "left_traces": tally.left,
        "write_probes_full": tally.no_space,
        "violations": len(tally.failures),
        "failures": [failure_json(one) for one in saved],
        "seconds": round(tally.seconds, 3),
        "states_per_second": round(tally.states_per_second, 1),
        "interrupted": tally.interrupted,
    }


def states_json(tally: Tally) -> dict[str, Any]:
    """Crash states by kind, and within kinds that depend on it by device model."""
    kinds: dict[str, Any] = {}
    for (model, kind), count in sorted(
        tally.counts.items(), key=lambda one: (KINDS.index(one[0][1]), one[0][0])
    ):
        row = count_json(count) | {"exhaustive": is_exhaustive(tally.counts, model, kind)}
        if model:
            kinds.setdefault(kind, {})[model] = row
        else:
            kinds.setdefault(kind, {}).update(row)
    return kinds or {"prefix": count_json(Count())}


def count_json(count: Count) -> dict[str, Any]:
    """One Count."""
    return {
        "total": count.total,
        "checked": count.checked,
        "identical": count.identical,
        "unread": count.unread,
        "left": count.left,
        "sampled": count.sampled,
        "beyond": count.beyond,
        "refused": count.refused,
        "exhaustive": count.exhaustive,
    }


def violation_json(violation: Violation) -> dict[str, Any]:
    """One violation, without its trace."""
    return {
        "kind": violation.kind,
        "model": violation.model,
        "state": violation.state,
        "words": violation.words,
    }


def failure_json(saved: Saved) -> dict[str, Any]:
    """One trace that failed: what it showed, and where it was saved."""
    expect = saved.trace.expect
    return {
        "trace": saved.index,
        "kind": expect.kind,
        "state": expect.state,
        "words": expect.words,
        "why": expect.why or None,
        "needs": list(expect.needs),
        "operations": len(saved.trace.operations),
        "saved": None if saved.path is None else str(saved.path),
    }


def report_text(report: dict[str, Any], engine_option: str = "", unseen: Sequence[Unseen] = ()) -> str:
    """The same for people. ``engine_option``: what names the engine to `powercut replay`."""
    engine = report["engine"]
    lines = [
        f"{engine['name']} {engine['version']}, seed {report['seed']}, {how_many(report['jobs'], 'job')}: "
        f"{how_many(report['traces'], 'trace')}, {how_many(report['operations'], 'operation')}, "
        f"{how_many(report['device_events'], 'device event')}",
        *_states_lines(report["crash_states"]),
    ]
    if report["write_probes_full"]:
        lines.append(f"{report['write_probes_full']:,} write probes met a full device")
    if "workload" in report:
        lines.append(report["workload"]["words"])
    lines.append(f"{report['seconds']:.1f} s, {report['states_per_second']:,.0f} crash states a second")
    for failure in report["failures"]:
        lines.extend(("", *_failure_lines(failure, engine_option)))
    lines.extend(_unclaimed_lines(report["unclaimed"]))
    lines.extend(left_words(report["left_traces"]))
    lines.extend(one.line for one in unseen)
    if report["interrupted"]:
        lines.append("interrupted: the counts are of what was done until then")
    count = report["violations"]
    traces = how_many(report["traces"], "trace")
    none = "" if _is_there(report["crash_states"]) else ", and no crash state to judge"
    lines.append(f"VIOLATED by {count} of {traces}" if count else f"held: no violation{none}")
    return "\n".join(lines)


def _is_there(counts: dict[str, Any]) -> bool:
    """Whether there is any crash state, of any kind and model."""
    return bool(counts.get("total")) or any(
        _is_there(one) for one in counts.values() if isinstance(one, dict)
    )


def _failure_lines(failure: dict[str, Any], engine_option: str) -> list[str]:
    lines = [f"violation: {failure['kind']} (trace {failure['trace']})", f"  {failure['words']}"]
    if failure["why"]:
        lines += [f"  {line}" for line in why_text(failure["why"], failure["needs"])]
    if failure["saved"]:
        count = how_many(failure["operations"], "operation")
        lines.append(f"  {count}: powercut replay {shlex.quote(failure['saved'])}{engine_option}")
    return lines


_WHAT = {
    "prefix": "power cut after every device event",
    "torn": "a part of the event under way arrived",
    "reorder": "some of what was not synced was lost",
    "nested": "recovery cut as well",
    "damage": "damaged after a clean close",
    "full": "no free block left",
}


def _states_lines(kinds: dict[str, Any]) -> list[str]:
    """One line for each kind and device model, and one for what was left."""
    rows = [
        (kind, model, row)
        for kind, by_model in kinds.items()
        for model, row in ({"": by_model} if "total" in by_model else {}).items()
    ]
    for kind, by_model in kinds.items():
        rows += [(kind, model, row) for model, row in by_model.items() if isinstance(row, dict)]
    lines = [_states_line(kind, model, row) for kind, model, row in rows]
    left = sum(row["left"] for _, _, row in rows)
    if left:
        lines.append(f"{left:,} crash states were left, behind a violation or an interruption")
    return lines


def _states_line(kind: str, model: str, row: dict[str, Any]) -> str:
    where = f"{_WHAT[kind]}, {model}" if model else _WHAT[kind]
    line = (
        f"{where}: {row['total']:,} crash states, {row['checked']:,} recovered and judged, "
        f"{row['identical']:,} identical to an earlier one"
    )
    if row["unread"]:
        line += f", {row['unread']:,} different in unread bytes alone"
    if row["left"]:
        line += f", {row['left']:,} left"
    if row["refused"]:
        line += f", {row['refused']:,} refused as CORRUPT or IO"
    if not row["exhaustive"]:
        drawn = f" ({row['sampled']:,} of them drawn)" if row["sampled"] else ""
        line += f"; not exhaustive{drawn}"
    return line


def _unclaimed_lines(unclaimed: dict[str, Any]) -> list[str]:
    """What fails where the engine does not claim to survive."""
    if not unclaimed["violations"]:
        return []
    lines = ["", unclaimed_words(unclaimed["violations"])]
    seen: set[tuple[str, str]] = set()
    for one in unclaimed["examples"]:
        if (one["kind"], one["model"]) not in seen:
            seen.add((one["kind"], one["model"]))
            lines.append(f"  {one['kind']}: {one['words']}")
    return lines
