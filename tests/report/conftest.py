# SPDX-License-Identifier: ISC
"""Planted bugs to explain, and a real browser."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from powercut.engine import Engine
from powercut.replay import replay
from powercut.report.story import Story, tell
from powercut.trace import load

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

#: A trace of traces/ and the planted bug that it fails on.
CONTENT = ("mutant-move-not-pending", "13-move-not-pending")
LOST_WRITE = ("mutant-share-not-taken-over", "09-share-not-taken-over")

Mutant = Callable[[str], str]
Told = Callable[[tuple[str, str]], Story]


@pytest.fixture(scope="session")
def liar(tmp_path_factory: pytest.TempPathFactory) -> Mutant:
    """Builds the engine plain, whose format is its own, with one of its lies."""
    folder = tmp_path_factory.mktemp("liars")
    crash, csrc = ROOT / "tests" / "crash", ROOT / "csrc"

    def build(lie: str) -> str:
        library = folder / f"{lie}.so"
        if not library.exists():
            front = ["-include", crash / "lies.h", f"-DLIE_NAME={lie}", crash / "liar.c"]
            sources = [*front, *sorted(crash.glob("plain/*.c")), csrc / "blockdev" / "device.c"]
            command = [os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", f"-I{csrc / 'include'}"]
            subprocess.run([*command, *map(str, sources), "-o", str(library)], check=True)
        return str(library)

    return build


@pytest.fixture(scope="session")
def told(mutant: Mutant) -> Told:
    """The story of a trace on its planted bug."""

    def tell_it(what: tuple[str, str]) -> Story:
        trace = load(ROOT / "traces" / f"{what[0]}.trace.json")
        library = mutant(what[1])
        return tell(trace, Engine.load(library), replay(trace, library, isolated=False))

    return tell_it


@pytest.fixture(scope="session")
def browser(no_browser: str) -> Iterator[webdriver.Chrome]:
    """A headless Chromium of Debian's; where there is none the test is skipped aloud, and in CI it fails."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        if os.environ.get("POWERCUT_BROWSER") == "required":
            pytest.fail(no_browser)
        pytest.skip(no_browser)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    made = webdriver.Chrome(options=options, service=Service(driver))
    yield made
    made.quit()
