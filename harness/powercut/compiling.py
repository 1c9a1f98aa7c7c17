# SPDX-License-Identifier: ISC
"""C files to a library, where they are compiled again and again with small changes: an object is kept,
compiled once, under the hash of all that the compiler was given for it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from powercut.errors import PowercutError


class DoesNotCompileError(Exception):
    """The first line in which the compiler says why, or its exit code."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """The one that CC names, or cc, with what it is always told. ``place``: the folder in which it runs;
    files are named from there."""

    place: Path
    arguments: tuple[str, ...]

    def run(self, *arguments: str) -> bytes:
        """What it prints. Raises DoesNotCompileError, and PowercutError if there is no compiler."""
        command = [*os.environ.get("CC", "cc").split(), *self.arguments, *arguments]
        try:
            done = subprocess.run(command, cwd=self.place, capture_output=True, check=False)
        except OSError as error:
            raise PowercutError(
                f"Cannot run the C compiler {command[0]}: {error.strerror}; install one, or name one in CC."
            ) from error
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").splitlines()
            lines = [line for line in said if "error" in line]
            raise DoesNotCompileError(lines[0] if lines else f"exit {done.returncode}")
        return done.stdout

    def library(self, files: Sequence[str], kept: Path, output: Path) -> None:
        """A shared library of the files, from objects that are kept in a folder. Raises as `run` does."""
        kept.mkdir(parents=True, exist_ok=True)
        which = self.run("--version")
        objects = [self._object(file, kept.resolve(), which) for file in files]
        self.run("-shared", "-o", str(output.resolve()), *map(str, objects))

    def _object(self, file: str, kept: Path, which: bytes) -> Path:
        given = (which, repr(self.arguments).encode(), self.run("-E", file))
        name = hashlib.sha256(b"\0".join(given)).hexdigest()
        made = kept / f"{name}.o"
        if not made.exists():
            with tempfile.TemporaryDirectory(prefix="object-", dir=kept) as folder:
                unfinished = Path(folder) / made.name
                self.run("-c", file, "-o", str(unfinished))
                unfinished.replace(made)
        return made
