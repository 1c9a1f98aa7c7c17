# SPDX-License-Identifier: ISC
"""``powercut corpus``: traces as inputs of the fuzzer, and its inputs as traces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from powercut import atomic
from powercut.corpus import input_of, name_of, restrict, trace_of
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.trace import SUFFIX, EngineRef, load, save

#: The largest file, in bytes, that is taken for an input.
INPUT_MAX = 1 << 20

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group("corpus")
def corpus_command() -> None:
    """Turn saved traces into inputs of the fuzzer, and its inputs into traces."""


@corpus_command.command("pack")
@click.argument("traces", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--to", "folder", type=FOLDER, required=True, help="The corpus, a folder.")
def pack_command(traces: tuple[Path, ...], folder: Path) -> int:
    """Write the device and the operations of traces as inputs of the fuzzer."""
    made = [(path, _packed(path)) for path in traces]
    for path, data in made:
        target = folder / name_of(data)
        _write(target, data)
        click.echo(f"{path} -> {target}")
    return 0


@corpus_command.command("unpack")
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--to", "folder", type=FOLDER, required=True, help="Where the traces go.")
@click.option("--engine", default="skink", show_default=True, help="Whose traces these are.")
def unpack_command(inputs: tuple[Path, ...], folder: Path, engine: str) -> int:
    """Write inputs of the fuzzer, or all those in a folder, as traces of an engine.

    What the engine cannot do is left out, as it is when the input is run.
    """
    loaded = Engine.load(engine)
    for path in _files(inputs):
        trace = trace_of(_read(path), EngineRef(loaded.name, loaded.version), f"fuzzer input {path.name}")
        able = restrict(trace.operations, loaded.capabilities)
        target = folder / f"{path.name}{SUFFIX}"
        save(replace(trace, operations=able), target)
        click.echo(f"{path} -> {target}")
    return 0


def _packed(path: Path) -> bytes:
    try:
        return input_of(load(path))
    except PowercutError as error:
        raise PowercutError(f"{path}: {error}") from error


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, data)
    except OSError as error:
        raise PowercutError(f"Cannot save the input {path}: {atomic.reason(error)}.") from error


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(one for one in path.iterdir() if one.is_file())
        else:
            yield path


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > INPUT_MAX:
            raise PowercutError(f"The file {path} is larger than {INPUT_MAX} bytes; no input is that large.")
        return path.read_bytes()
    except OSError as error:
        raise PowercutError(f"Cannot read the input {path}: {atomic.reason(error)}.") from error
