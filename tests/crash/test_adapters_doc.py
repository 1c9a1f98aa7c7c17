# SPDX-License-Identifier: ISC
"""docs/adapters.md keeps its word: its engine compiles, holds, and is caught without its checksum."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Powercut = Callable[..., "subprocess.CompletedProcess[str]"]

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
CHECKSUM = """    if (checksum(page + 8, used - 8) != get_le32(page + 4)) {
        return PC_CORRUPT;
    }
"""


def engine_source(root: Path) -> str:
    """The C pieces of the page, one after the other."""
    text = (root / "docs" / "adapters.md").read_text(encoding="utf-8")
    return "\n".join(re.findall(r"^```c\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def build(root: Path, folder: Path, source: str) -> Path:
    """Builds the library with the page's own command, and warnings."""
    (folder / "slate.c").write_text(source, encoding="utf-8")
    text = (root / "docs" / "adapters.md").read_text(encoding="utf-8")
    [command] = re.findall(r"^cc (.*)$", text, re.MULTILINE)
    arguments = [str(root / word) if word.startswith("csrc/") else word for word in command.split()]
    arguments = [f"-I{root / word[2:]}" if word.startswith("-Icsrc") else word for word in arguments]
    subprocess.run([os.environ.get("CC", "cc"), *WARNINGS, *arguments], cwd=folder, check=True)
    return folder / "libslate.so"


def test_engine_of_the_page_compiles_and_holds(root: Path, tmp_path: Path, powercut: Powercut) -> None:
    library = build(root, tmp_path, engine_source(root))
    done = powercut("run", "--engine", library, "--traces", 6, "--ops", 40, "--seed", 1, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    states = json.loads(done.stdout)["crash_states"]["prefix"]
    assert states["checked"] > 1000


def test_engine_of_the_page_is_caught_without_its_checksum(
    root: Path, tmp_path: Path, powercut: Powercut
) -> None:
    source = engine_source(root)
    assert source.count(CHECKSUM) == 1
    library = build(root, tmp_path, source.replace(CHECKSUM, ""))
    done = powercut(
        "run", "--engine", library, "--traces", 6, "--ops", 40, "--seed", 1, "--no-shrink", "--json"
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert json.loads(done.stdout)["violations"] > 0


@pytest.mark.parametrize("name", ["format", "mount", "unmount", "apply", "visit", "facts", "check"])
def test_page_names_every_function_of_the_abi(root: Path, name: str) -> None:
    text = (root / "docs" / "adapters.md").read_text(encoding="utf-8")
    assert f"`{name}`" in text


def python_engine(root: Path, folder: Path) -> Path:
    text = (root / "docs" / "adapters.md").read_text(encoding="utf-8")
    (piece,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (folder / "leaf.py").write_text(piece, encoding="utf-8")
    return folder / "leaf.py"


#: Leaf on a device on which a program is atomic for nobody.
LEAF = ("run", "--engine", "./leaf.py:Leaf", "--traces", 4, "--ops", 10, "--seed", 1, "--block-size", 4096,
        "--block-count", 8, "--samples", 0, "--no-shrink", "--json")  # fmt: skip


def test_python_engine_of_the_page_holds_as_it_claims(root: Path, tmp_path: Path, powercut: Powercut) -> None:
    python_engine(root, tmp_path)
    done = powercut(*LEAF, "--kinds", "prefix,torn,reorder", "--model", "disk512")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    states = json.loads(done.stdout)["crash_states"]
    assert states["prefix"]["checked"] > 50
    assert states["torn"]["disk512"]["checked"] > 50
    assert states["reorder"]["disk512"]["total"] > 10


def test_python_engine_of_the_page_is_caught_without_its_checksum(
    root: Path, tmp_path: Path, powercut: Powercut
) -> None:
    leaf = python_engine(root, tmp_path)
    text = leaf.read_text(encoding="utf-8")
    careless = text.replace(" or zlib.crc32(page[:8] + body) != checksum", "")
    assert careless != text
    leaf.write_text(careless, encoding="utf-8")
    done = powercut(*LEAF, "--kinds", "torn", "--model", "disk512")
    assert done.returncode == 1, done.stdout + done.stderr
