# SPDX-License-Identifier: ISC
"""Runs two engines that are right, till so many crash states were judged (`make judge`): no one is accused.

plain is durable on return; early is durable on sync, and writes before that what it may still lose.

    python tests/crash/acquit.py BUILD [--states N] [--seed N] [OPTION OF powercut run ...]

Exit code 0: never accused; 1: accused, and the trace is in BUILD/judge; 2: it could not be run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import planted

ROOT = Path(__file__).resolve().parents[2]

#: What is asked of `powercut run`: long lists of operations, and short ones with cuts of recovery, and with
#: what comes behind it.
BATCHES = (
    ("--kinds", "prefix,torn,reorder,damage,full", "--model", "all", "--ops", "30"),
    ("--kinds", "prefix,nested", "--depth", "3", "--ops", "24"),
    ("--kinds", "all", "--model", "all", "--ops", "4"),
    ("--kinds", "prefix,nested", "--ops", "12", "--resume", "4"),
)

#: On which devices: small ones, since the speed is in what recovery has to read.
DEVICES = (
    ("--block-size", "128", "--block-count", "24", "--prog-size", "16", "--erase-value", "0xff"),
    ("--block-size", "64", "--block-count", "24", "--prog-size", "1", "--erase-value", "0xff"),
    ("--block-size", "256", "--block-count", "16", "--prog-size", "64", "--erase-value", "none"),
    ("--block-size", "512", "--block-count", "16", "--prog-size", "512", "--erase-value", "0xff"),
    ("--block-size", "1024", "--block-count", "10", "--prog-size", "1024", "--erase-value", "none"),
)


def build(folder: Path) -> tuple[Path, Path]:
    """Both as libraries, built anew."""
    for library in folder.glob("*.so"):
        library.unlink()
    return planted.liar(folder, None), planted.early(folder, None)


def run(library: Path, seed: int, options: list[str]) -> tuple[int, dict[str, Any]]:
    """(exit code, report) of one batch. Raises SystemExit where it did not run."""
    command = [sys.executable, "-m", "powercut", "run", "--engine", str(library), "--json"]
    command += ["--seed", str(seed), *BATCHES[seed % len(BATCHES)]]
    command += ["--traces", "16", *DEVICES[seed % len(DEVICES)], *options]
    done = subprocess.run(command, cwd=library.parent, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(2)
    return done.returncode, json.loads(done.stdout)


def checked(counts: dict[str, Any]) -> int:
    """The states of a kind that were judged: under every device, and under each model."""
    per_model = sum(checked(one) for one in counts.values() if isinstance(one, dict))
    return int(counts.get("checked", 0)) + per_model


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Runs engines that are right, and must be accused of nothing."
    )
    parser.add_argument("build", type=Path, help="the build folder")
    parser.add_argument("--states", type=int, default=10_000_000, help="crash states to judge")
    parser.add_argument("--seed", type=int, default=1, help="of the first batch")
    given, options = parser.parse_known_args()
    folder = given.build.resolve() / "judge"
    folder.mkdir(parents=True, exist_ok=True)
    libraries, start, judged = build(folder), time.monotonic(), Counter[str]()
    for seed in range(given.seed, sys.maxsize):
        library = libraries[seed % 2]
        code, report = run(library, seed // 2, options)
        judged.update({kind: checked(counts) for kind, counts in report["crash_states"].items()})
        seconds = time.monotonic() - start
        print(f"{seed}: {judged.total()} states, {judged.total() / seconds:.0f}/s", flush=True)
        if code == 1:
            print(f"{report['engine']['name']} is accused: {json.dumps(report['failures'], indent=1)}")
            return 1
        if judged.total() >= given.states:
            break
    kinds = ", ".join(f"{kind} {count}" for kind, count in judged.items())
    print(f"accused of nothing in {judged.total()} crash states ({kinds}), {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
