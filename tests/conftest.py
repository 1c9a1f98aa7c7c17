# SPDX-License-Identifier: ISC
"""What tests of all folders share: the project's root, the corpus, and tests that are skipped aloud."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from powercut import mutants

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT.parent / "shared" / "corpus"
NO_CORPUS = (
    f"the disk images of other programs are not there: {CORPUS.relative_to(ROOT.parent)} beside the project"
)
NO_BROWSER = (
    "there is no headless Chromium: Debian's chromium and chromium-driver; `make browser` installs them"
)
NO_SHELL = "a shell is not there whose completion is tested"


def pytest_configure() -> None:
    """Ctrl-C works in what the tests start, also where the shell that started them ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def no_browser() -> str:
    """Why a test of a page does not run."""
    return NO_BROWSER


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def mutant(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Builds a planted bug of tests/mutants; the path of its library."""
    folder = tmp_path_factory.mktemp("mutants")

    def build(name: str) -> str:
        library = folder / f"{name}.so"
        if not library.exists():
            (planted,) = mutants.load_mutants([name])
            mutants.build(planted, folder, ROOT / "build" / "objects")
        return str(library)

    return build


@pytest.fixture
def corpus() -> Path:
    """The folder of disk images written by other programs; where it is absent the test is skipped, aloud."""
    if not CORPUS.is_dir():
        pytest.skip(NO_CORPUS)
    return CORPUS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says in red how many tests did not run for want of something."""
    skipped = terminalreporter.stats.get("skipped", [])
    for reason in (NO_CORPUS, NO_BROWSER, NO_SHELL):
        count = sum(reason in str(report.longrepr) for report in skipped)
        if count:
            terminalreporter.write_line(f"NOT RUN: {count} tests, because {reason}", red=True, bold=True)


@pytest.fixture(scope="session")
def json_schema(root: Path) -> jsonschema.Draft202012Validator:
    """What every command's --json is held against."""
    found = json.loads((root / "docs/json.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)
