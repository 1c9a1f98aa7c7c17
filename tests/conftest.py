# SPDX-License-Identifier: ISC
"""What tests of all folders share: the project's root, the corpus, and tests that are skipped aloud."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT.parent / "shared" / "corpus"
NO_CORPUS = (
    f"the disk images of other programs are not there: {CORPUS.relative_to(ROOT.parent)} beside the project"
)


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root folder."""
    return ROOT


@pytest.fixture
def corpus() -> Path:
    """The folder of disk images written by other programs; where it is absent the test is skipped, aloud."""
    if not CORPUS.is_dir():
        pytest.skip(NO_CORPUS)
    return CORPUS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says in red how many tests did not run for want of the corpus."""
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum(NO_CORPUS in str(report.longrepr) for report in skipped)
    if count:
        terminalreporter.write_line(f"NOT RUN: {count} tests, because {NO_CORPUS}", red=True, bold=True)
