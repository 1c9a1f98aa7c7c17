# SPDX-License-Identifier: ISC
"""``powercut corpus``: traces as inputs of the fuzzer, and its inputs as traces."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import click

from powercut import atomic
from powercut.cli.answer import answer, json_option, so_far
from powercut.cli.command import Group
from powercut.cli.types import ENGINE, TRACE, FileName
from powercut.corpus import input_of, name_of, restrict, trace_of
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.infile import read_whole
from powercut.trace import SUFFIX, EngineRef, load, save

#: The largest file, in bytes, that is taken for an input.
INPUT_MAX = 1 << 20

FOLDER = FileName(file_okay=False)


@click.group("corpus", cls=Group)
def corpus_command() -> None:
    """Turn saved traces into inputs of the fuzzer, and its inputs into traces."""


@corpus_command.command(
    "pack",
    arguments={"TRACES": "saved traces, *.trace.json"},
    examples=["powercut corpus pack traces/*.trace.json --to corpus"],
)
@click.argument("traces", nargs=-1, required=True, type=TRACE)
@click.option("--to", "folder", type=FOLDER, required=True, help="The corpus, a folder.")
@json_option
def pack_command(traces: tuple[Path, ...], folder: Path, *, as_json: bool) -> int:
    """Write the device and the operations of traces as inputs of the fuzzer."""
    made = [(path, _packed(path)) for path in traces]
    return _tell(((path, _put(folder / name_of(data), data)) for path, data in made), as_json=as_json)


@corpus_command.command(
    "unpack",
    arguments={"INPUTS": "files, or folders of them"},
    examples=[
        "powercut corpus unpack corpus --to unpacked",
        "powercut corpus unpack corpus --to unpacked --json",
    ],
)
@click.argument("inputs", nargs=-1, required=True, type=FileName())
@click.option("--to", "folder", type=FOLDER, required=True, help="Where the traces go.")
@click.option("--engine", type=ENGINE, default="skink", help="Whose traces these are.")
@json_option
def unpack_command(inputs: tuple[Path, ...], folder: Path, engine: str, *, as_json: bool) -> int:
    """Write inputs of the fuzzer, or all those in a folder, as traces of an engine.

    What the engine cannot do is left out, as it is when the input is run.
    """
    loaded = Engine.load(engine)
    return _tell(((path, _unpacked(path, folder, loaded)) for path in _files(inputs)), as_json=as_json)


def _tell(made: Iterable[tuple[Path, Path]], *, as_json: bool) -> int:
    """Says what became of each file, as it is made."""
    files: list[dict[str, str]] = []
    so_far({"files": files})
    for path, target in made:
        files.append({"from": str(path), "to": str(target)})
        if not as_json:
            click.echo(f"{path} -> {target}")
    return answer({"files": files})


def _unpacked(path: Path, folder: Path, engine: Engine) -> Path:
    trace = trace_of(_read(path), EngineRef(engine.name, engine.version), f"fuzzer input {path.name}")
    target = folder / f"{path.name}{SUFFIX}"
    save(replace(trace, operations=restrict(trace.operations, engine.capabilities)), target)
    return target


def _packed(path: Path) -> bytes:
    try:
        return input_of(load(path))
    except PowercutError as error:
        raise PowercutError(f"{path}: {error}") from error


def _put(path: Path, data: bytes) -> Path:
    try:
        atomic.write_all(path.parent, {path.name: data})
        return path
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
        return read_whole(path, INPUT_MAX)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise PowercutError(
                f"The file {path} is larger than {INPUT_MAX} bytes; no input is that large."
            ) from error
        raise PowercutError(f"Cannot read the input {path}: {atomic.reason(error)}.") from error
