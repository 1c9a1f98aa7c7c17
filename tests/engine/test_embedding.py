# SPDX-License-Identifier: ISC
"""skink as a library: what docs/embedding.md shows compiles and runs; what it says of the objects is so."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # each compiles the library anew

LINES_MAX = 30
#: What the objects may ask of the world outside, and io.c alone.
ALLOWED = {"memcmp", "memcpy", "memmove", "memset", "memchr", "strlen"}
ALLOWED_IN_IO = {"malloc", "free"}
#: What a compiler's hardening puts in by itself.
HARDENING = re.compile(r"__stack_chk_fail|__(memcpy|memmove|memset)_chk|_GLOBAL_OFFSET_TABLE_")

THREAD_SANITIZER = ["-std=c11", "-O1", "-g", "-fsanitize=thread"]


def compiler() -> list[str]:
    return shlex.split(os.environ.get("CC", "cc"))


def run(command: list[str], folder: Path, **more: str) -> str:
    environment = {**os.environ, **more}
    environment.pop("LD_PRELOAD", None)
    process = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=600, env=environment
    )
    assert process.returncode == 0, f"{shlex.join(command)}\n{process.stdout}{process.stderr}"
    return process.stdout


@pytest.fixture(scope="module")
def prefix(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the C libraries are installed into, compiled without sanitizers and LTO."""
    folder = tmp_path_factory.mktemp("embedding")
    meson = [sys.executable, "-m", "mesonbuild.mesonmain"]
    options = ["-Dpython=false", "-Db_lto=false", f"--prefix={folder / 'prefix'}", "-Dlibdir=lib"]
    run([*meson, "setup", *options, str(folder / "build"), str(root)], folder)
    run([*meson, "install", "-C", str(folder / "build")], folder)
    return folder / "prefix"


def symbols(archive: Path, option: str) -> list[tuple[str, str, str]]:
    """(object file, type, name) of an archive's symbols, as `nm` tells them."""
    found = []
    member = ""
    for line in run(["nm", option, "-P", str(archive)], archive.parent).splitlines():
        if line.endswith(":"):
            member = re.sub(r".*\[(.*)\]:$", r"\1", line)
        elif line.strip():
            name, kind = line.split()[:2]
            found.append((member, kind, name))
    assert found, archive
    return found


def test_the_program_in_the_documents_compiles_by_pkg_config_alone_and_runs(
    root: Path, prefix: Path, tmp_path: Path
) -> None:
    if shutil.which("pkg-config") is None:
        pytest.skip("NOT RUN: there is no pkg-config")
    text = (root / "docs" / "embedding.md").read_text()
    program = re.search(r"```c\n(.*?)```", text, re.DOTALL)
    assert program is not None
    assert program[1].count("\n") <= LINES_MAX
    (tmp_path / "lizard.c").write_text(program[1])
    session = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    assert session is not None
    _, _, build, start, *output = session[1].splitlines()
    for line in (build, start):
        assert line.startswith("$ ")
    command = build.removeprefix("$ ").replace("cc ", shlex.join(compiler()) + " -Wall -Wextra -Werror ", 1)
    run(["sh", "-ec", command], tmp_path, PKG_CONFIG_PATH=str(prefix / "lib" / "pkgconfig"))
    assert run([start.removeprefix("$ ")], tmp_path).splitlines() == output


def test_the_engine_needs_memory_and_string_functions_and_nothing_else(prefix: Path) -> None:
    archive = prefix / "lib" / "libskink.a"
    own = {name for _, _, name in symbols(archive, "--defined-only")}
    wanted = [(member, name) for member, _, name in symbols(archive, "--undefined-only") if name not in own]
    assert "memcpy" in {name for _, name in wanted}
    for member, name in wanted:
        allowed = ALLOWED | (ALLOWED_IN_IO if member.endswith("io.c.o") else set())
        assert name in allowed or HARDENING.fullmatch(name), f"{member} needs {name}"


def test_the_engine_has_no_writable_globals(prefix: Path) -> None:
    """Types b, d, c and s are data that can be written to; constants are r, or d in .data.rel.ro."""
    archive = prefix / "lib" / "libskink.a"
    for member, kind, name in symbols(archive, "--defined-only"):
        if kind in "dD" and is_relocated_constant(archive, member, name):
            continue
        assert kind not in "bBdDcCsSgG", f"{member} has the global {name}"


def is_relocated_constant(archive: Path, member: str, name: str) -> bool:
    """Whether a symbol is in .data.rel.ro: constants with addresses in them, read-only once loaded."""
    table = run(["objdump", "-t", str(archive)], archive.parent)
    part = table.split(f"{member}:", 1)[1].split("file format", 2)[1]
    return any(line.endswith(f" {name}") and ".data.rel.ro" in line for line in part.splitlines())


def test_two_threads_with_a_store_each_share_nothing(root: Path, tmp_path: Path) -> None:
    trial = tmp_path / "trial.c"
    trial.write_text("int main(void) { return 0; }\n")
    try:
        run([*compiler(), *THREAD_SANITIZER, str(trial), "-o", "trial"], tmp_path)
        run([str(tmp_path / "trial")], tmp_path)
    except AssertionError as error:
        pytest.skip(f"NOT RUN: this compiler has no thread sanitizer: {str(error).splitlines()[-1]}")
    sources = [str(path) for folder in ("skink", "blockdev") for path in (root / "csrc" / folder).glob("*.c")]
    test = root / "tests" / "c" / "test_skink_threads.c"
    include = f"-I{root / 'csrc' / 'include'}"
    run(
        [
            *compiler(),
            *THREAD_SANITIZER,
            "-D_DEFAULT_SOURCE",
            include,
            str(test),
            *sources,
            "-pthread",
            "-o",
            "threads",
        ],
        tmp_path,
    )
    run([str(tmp_path / "threads")], tmp_path, TSAN_OPTIONS="halt_on_error=1")
