# SPDX-License-Identifier: ISC
"""A wheel, built with the tools that are here and without network: what is in it, and that it works alone.

`make wheel` does more, in an environment of its own and on several processes.
"""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import site
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Kept, so that the next wheel is built of what changed.
BUILD = ROOT / "build" / "wheel-test"
TRACE = ROOT / "traces" / "mutant-move-not-pending.trace.json"
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
Installed = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without optimisation, which takes time and changes nothing of what is asked here."""
    folder = tmp_path_factory.mktemp("wheel")
    settings = [f"build-dir={BUILD}", "setup-args=-Doptimization=0"]
    told = [word for setting in settings for word in ("--config-settings", setting)]
    BUILD.parent.mkdir(exist_ok=True)
    with BUILD.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        pip = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-index",
            "--no-deps",
            "--no-build-isolation",
        ]
        done = subprocess.run(
            [*pip, *told, "--wheel-dir", str(folder), str(ROOT)],
            env=os.environ | {"PATH": PATH},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Runs Python in a folder with what the wheel holds; of this project nothing else is to be found."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--target", str(target), str(wheel)], check=True)
    # -S leaves out the editable install, and with it the packages that powercut needs.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(target), *site.getsitepackages()])}
    for name in [name for name in environment if name.startswith(("PYTEST_", "POWERCUT_"))]:
        del environment[name]

    def run(folder: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-S", *words]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


def test_a_wheel_holds_every_file_of_the_packages_and_no_other(wheel: Path) -> None:
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    packages = (ROOT / "harness/powercut", ROOT / "models/powercut_models")
    written = {
        path.relative_to(package.parent).as_posix()
        for package in packages
        for path in package.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and path.name != "meson.build"
    }
    assert written - held == set()
    built = {name for name in held - written if name.endswith(".so")}
    assert {name for name in built if "/engines/" in name} == {
        f"powercut/engines/{name}.so" for name in ("skink", "littlefs", "ditto")
    }
    assert len(built) == 4  # and the binding
    assert held - written - built == {
        f"powercut/include/{name}" for name in ("blockdev.h", "powercut.h", "device.c")
    }


def test_a_wheel_says_what_it_is_and_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as files:
        (metadata,) = (name for name in files.namelist() if name.endswith(".dist-info/METADATA"))
        head = files.read(metadata).decode().partition("\n\n")[0].splitlines()
        folder = metadata.rpartition("/")[0]
        assert f"{folder}/licenses/LICENSE" in files.namelist()
        assert "powercut=powercut.suite.entry" in files.read(f"{folder}/entry_points.txt").decode().replace(
            " ", ""
        )
    always = [line for line in head if line.startswith("Requires-Dist: ") and ";" not in line]
    needs = {re.split("[<>=]", line.split()[1])[0] for line in always}
    assert needs == {"cffi", "click", "hypothesis", "jinja2", "msgspec", "rich"}
    assert "Requires-Python: >=3.11" in head


def test_what_is_installed_is_what_runs(installed: Installed, tmp_path: Path) -> None:
    said = installed(tmp_path, "-c", "import powercut, powercut_models; print(powercut.__file__)").stdout
    assert not Path(said.strip()).is_relative_to(ROOT)
    assert installed(tmp_path, "-m", "powercut", "--version").stdout == "powercut 0.1.0\n"
    assert "skink" in installed(tmp_path, "-m", "powercut", "list", "engines").stdout


def test_the_first_steps_of_the_readme_work(installed: Installed, tmp_path: Path) -> None:
    powercut = ("-m", "powercut")
    run = ("run", "--traces", "1", "--ops", "8", "--seed", "1", "--jobs", "1", "--save", "found")
    assert "held" in installed(tmp_path, *powercut, *run).stdout
    assert "as expected" in installed(tmp_path, *powercut, "replay", str(TRACE)).stdout
    installed(tmp_path, *powercut, "explain", str(TRACE), "--html", "why.html")
    assert "<html" in (tmp_path / "why.html").read_text(encoding="utf-8")
    flags = shlex.split(installed(tmp_path, *powercut, "cflags").stdout)
    sources = map(str, (ROOT / "tests/crash/plain").glob("*.c"))
    subprocess.run(["cc", *sources, *flags, "-o", str(tmp_path / "libmine.so")], check=True)
    assert "held" in installed(tmp_path, *powercut, *run, "--engine", "./libmine.so").stdout


def test_a_suite_runs_and_pytest_warns_of_nothing(installed: Installed, tmp_path: Path) -> None:
    installed(tmp_path, "-m", "powercut", "init", "suite", "--engine", "ditto")
    suite = ("-m", "pytest", "suite", "-p", "no:cacheprovider", "-W", "error", "-k", "overwritten")
    shown = installed(tmp_path, *suite).stdout
    assert "1 passed" in shown
    assert "exhaustive: prefix" in shown
    assert "warning" not in shown.lower()
