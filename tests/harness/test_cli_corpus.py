# SPDX-License-Identifier: ISC
"""The command `powercut corpus`: traces to inputs and back, and one sentence for what cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from powercut.cli import cli, main
from powercut.corpus import name_of, pack, trace_of
from powercut.generate import GEOMETRIES
from powercut.ops import Generated, Literal, Op
from powercut.trace import SUFFIX, EngineRef, Trace, load, save

MADE = (
    Op("set", b"some/key", value=Generated(7, 600)),
    Op("set", b"b", value=Literal(b"text")),
    Op("rename", b"b", target=b"some"),
    Op("remove", b"some"),
)
TRACE = Trace(GEOMETRIES[0], MADE, EngineRef("skink", "0.1.0"))


def powercut(*arguments: object) -> list[str]:
    result = CliRunner().invoke(cli, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def test_a_trace_goes_into_a_corpus_and_comes_back_the_same(tmp_path: Path) -> None:
    path, corpus, back = tmp_path / f"one{SUFFIX}", tmp_path / "corpus", tmp_path / "back"
    save(TRACE, path)
    (line,) = powercut("corpus", "pack", path, "--to", corpus)
    (made,) = corpus.iterdir()
    assert line == f"{path} -> {made}"
    assert made.name == name_of(made.read_bytes())
    powercut("corpus", "unpack", corpus, "--to", back)
    again = load(back / f"{made.name}{SUFFIX}")
    assert again == replace(TRACE, note=f"fuzzer input {made.name}")


def test_a_corpus_becomes_traces_and_the_same_corpus_again(tmp_path: Path) -> None:
    corpus, traces, back = tmp_path / "corpus", tmp_path / "traces", tmp_path / "back"
    corpus.mkdir()
    for count in range(len(MADE)):
        data = pack(GEOMETRIES[count], MADE[count:])
        (corpus / name_of(data)).write_bytes(data)
    powercut("corpus", "unpack", corpus, "--to", traces)
    powercut("corpus", "pack", *traces.iterdir(), "--to", back)
    one, two = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in (corpus, back))
    assert one == two
    assert len(one) == len(MADE)


def test_what_the_engine_cannot_do_is_left_out_of_its_traces(tmp_path: Path) -> None:
    data = pack(GEOMETRIES[0], (*MADE, Op("sync", b"")))
    (tmp_path / "input").write_bytes(data)
    powercut("corpus", "unpack", tmp_path / "input", "--to", tmp_path)
    assert load(tmp_path / f"input{SUFFIX}").operations == MADE
    assert trace_of(data, TRACE.engine).operations[-1].kind == "sync"


def test_a_trace_that_no_input_can_hold_is_refused_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"big{SUFFIX}"
    save(replace(TRACE, operations=(Op("allocate", b"a", length=70_000),)), path)
    assert main(["corpus", "pack", str(path), "--to", str(tmp_path / "corpus")]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"powercut: {path}: No input can hold this trace: it has a value of 70000 bytes")
    assert not (tmp_path / "corpus").exists()
    assert main(["corpus", "unpack", str(tmp_path / "none"), "--to", str(tmp_path)]) == 2
    assert "Cannot read the input" in capsys.readouterr().err
