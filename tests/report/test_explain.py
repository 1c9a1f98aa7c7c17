# SPDX-License-Identifier: ISC
"""powercut explain tells the truth: each frame is the device as it was, each owner is the reader's, and the
page holds what the terminal says, in the same bytes every time."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from powercut.cli import main
from powercut.engine import Engine, Event
from powercut.fault import DAMAGES, TEARS, Cut, Damage, Fault, Tear
from powercut.faultwords import damage_words, tear_words
from powercut.generate import operations
from powercut.geometry import Geometry
from powercut.ops import Literal, Op
from powercut.replay import Replay, replay
from powercut.report.cuts import cut_words, fails
from powercut.report.decode import Both, Line, block_lines, folded, side_by_side
from powercut.report.fields import story_fields
from powercut.report.film import fate
from powercut.report.owners import KINDS, read_device
from powercut.report.page import MARKS, explain_page, shown_blocks
from powercut.report.story import Story, shorter, tell
from powercut.report.terminal import print_story
from powercut.report.words import HEADLINES
from powercut.run import record
from powercut.trace import EngineRef, Trace, load, save
from powercut.vocabulary import Profile

from .conftest import CONTENT, LOST_WRITE, ROOT, Mutant, Told

LINES = st.lists(
    st.builds(Line, st.sampled_from(["tag", "commit"]), st.just(0), st.sampled_from("abcd")), max_size=9
)


def told_text(story: Story, width: int = 400) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    print_story(story, console)
    return console.export_text()


def page_data(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    assert isinstance(data, dict)
    return data


def held_story(trace: Trace, engine: Engine, state: int | None = None) -> Story:
    return tell(trace, engine, Replay(trace, None, 0, ""), state)


@pytest.fixture(scope="module")
def busy() -> tuple[Trace, Engine]:
    """A generated trace that fills and frees blocks, moves pairs and lets some run empty."""
    engine = Engine.load("skink")
    shape = Geometry(16, 16, 512, 64)
    profile = Profile(shape, engine.capabilities)
    return Trace(shape, tuple(operations(profile, 7, 120)), EngineRef("skink", engine.version)), engine


# --- the film -----------------------------------------------------------------------------------------------


def test_every_frame_holds_the_device_and_the_owners_of_that_moment(busy: tuple[Trace, Engine]) -> None:
    trace, engine = busy
    story = held_story(trace, engine)
    film, size = story.film, trace.geometry.block_size
    assert film is not None
    assert film.skipped == 0
    blocks: dict[int, int] = {}
    owners: dict[int, Any] = {}
    with record(trace, engine) as run:
        assert film.cut_frame == run.event_count + 1 > 200
        for index, frame in enumerate(film.frames[: film.cut_frame]):
            blocks.update(frame.blocks)
            owners.update(frame.owners)
            image = run.image(index)
            assert b"".join(film.versions[blocks[block]] for block in range(64)) == image
            expected = read_device(image, trace.geometry).owners
            for block, owner in owners.items():
                erased = set(image[block * size : (block + 1) * size]) == {0xFF}
                free = "free" if erased else "stale"
                assert owner == expected.get(block, owner)
                assert block in expected or owner.kind == free


def test_the_page_carries_the_same_device_in_every_frame(busy: tuple[Trace, Engine]) -> None:
    trace, engine = busy
    story = held_story(trace, engine)
    assert story.film is not None
    data = page_data(explain_page(story, "x"))
    packed = zlib.decompress(base64.b64decode(data["bytes"]))
    shown = {first for first, last in shown_blocks(story.film) if first == last}
    size = data["size"]
    versions: dict[int, int] = {}
    with record(trace, engine) as run:
        for index, frame in enumerate(data["frames"][: data["cut"]]):
            versions.update(frame["v"])
            image = run.image(index)
            assert set(versions) == shown
            for block, number in versions.items():
                there = packed[number * size : (number + 1) * size]
                assert there == image[block * size : (block + 1) * size]


def test_a_page_of_two_hundred_operations_is_small(busy: tuple[Trace, Engine]) -> None:
    trace, engine = busy
    profile = Profile(trace.geometry, engine.capabilities)
    long = replace(trace, operations=tuple(operations(profile, 11, 200)))
    page = explain_page(held_story(long, engine), "x")
    assert len(page.encode()) < 2_000_000


def test_the_same_story_is_the_same_bytes(told: Told) -> None:
    first, again = (explain_page(told(CONTENT), "x") for _ in range(2))
    assert first == again


# --- what is said -------------------------------------------------------------------------------------------


def test_a_move_that_was_not_recorded_is_told_with_both_sides(told: Told) -> None:
    story = told(CONTENT)
    assert story.contents is not None
    (row,) = story.contents.rows
    assert (row.key, row.expected, row.found, row.disk) == (
        b"d/a",
        "nothing",
        "an empty value",
        "an empty value",
    )
    assert story.contents.disk_right is False
    differing = [one for one in story.compared if not one.same]
    missing = [row.left.words for one in differing for row in one.rows if row.left and not row.right]
    assert any("gone" in words for words in missing)
    text = told_text(story)
    cut = ("The power went after device event 7 of 10", "7■ ⚡ 8┃")
    for said in ('"d/a" should be nothing', "rename", *cut):
        assert said in text


def test_a_write_after_the_recovery_is_followed_into_the_recovery(told: Told) -> None:
    story = told(LOST_WRITE)
    assert story.film is not None
    assert (story.left, story.right) == ("cut", "after")
    assert [frame.phase for frame in story.film.frames[story.film.cut_frame + 1 :]].count("recovery") == 12
    assert story.contents is not None
    assert "not there" in story.contents.disk_problem
    assert "fresh set then answered OK" in told_text(story)


def test_a_trace_that_holds_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = ROOT / "traces" / f"{CONTENT[0]}.trace.json"
    page = tmp_path / "page.html"
    assert main(["explain", str(path), "--engine", "skink", "--html", str(page)]) == 0
    assert "held" in capsys.readouterr().out
    assert "Held: the engine survives this trace" in page.read_text(encoding="utf-8")


def test_a_format_of_its_own_is_told_by_who_wrote_what(liar: Mutant) -> None:
    engine = Engine.load(liar("HEAD_FIRST"))
    shape = Geometry(16, 16, 512, 16)
    ops = tuple(Op("set", b"a", value=Literal(b"%d" % i)) for i in range(4))
    trace = Trace(shape, ops, EngineRef(engine.name, engine.version))
    story = tell(trace, engine, replay(trace, engine.origin, isolated=False))
    assert story.violation is not None
    assert not story.littlefs
    owners = story.snapshot("cut").owners.values()
    assert {owner.kind for owner in owners} <= {"now", "earlier", "kept", "free"}
    assert any(owner.kind == "now" and "operation" in owner.words for owner in owners)
    assert all(row.disk is None for row in story.contents.rows) if story.contents else True
    assert any(row.left and row.left.kind == "bytes" for one in story.compared for row in one.rows)
    assert "<h1>" in explain_page(story, "x")


def test_an_engine_that_ends_its_process_is_told_without_running_it_here(
    liar: Mutant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = liar("DIES_AT_WORK")
    engine = Engine.load(library)
    ops = (Op("set", b"a", value=Literal(b"1")), Op("remove", b"a"))
    path = tmp_path / "dies.trace.json"
    save(Trace(Geometry(16, 16, 512, 16), ops, EngineRef(engine.name, engine.version)), path)
    page = tmp_path / "page.html"
    assert main(["explain", str(path), "--engine", library, "--html", str(page)]) == 1
    assert "violation (crash)" in capsys.readouterr().out
    assert HEADLINES["crash"] in page.read_text(encoding="utf-8")


def test_any_crash_state_can_be_told_and_none_beyond_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(ROOT / "traces" / f"{CONTENT[0]}.trace.json")
    assert main(["explain", path, "--engine", "skink", "--at", "3", "--json"]) == 0
    fields = json.loads(capsys.readouterr().out)
    assert fields["fault"]["cuts"][0]["at"] == 3
    assert fields["verdict"] == "held"
    assert main(["explain", path, "--engine", "skink", "--at", "999"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_json_is_the_story(told: Told, json_schema: Any) -> None:
    story = told(CONTENT)
    fields = json.loads(json.dumps(story_fields(story)))
    json_schema.validate(
        {"command": "explain", "powercut": "0", "json": 1, "exit": 1}
        | fields
        | {"engine": {"name": "skink", "version": "0"}}
    )
    assert fields["kind"] == "content"
    assert fields["keys"][0]["key"] == "d/a"
    assert fields["operations"][1]["events"] == [7, 8, 9, 10]
    assert fields["maps"]["cut"]["owners"]["3"] == "the dictionary 'd' (pair 3, 2)"
    sides = {line["side"] for block in fields["blocks"] for line in block["lines"]}
    assert sides == {"both", "left"}


def test_a_page_that_cannot_be_written_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(ROOT / "traces" / f"{CONTENT[0]}.trace.json")
    assert main(["explain", path, "--engine", "skink", "--html", "no/such/folder/page.html"]) == 2
    assert re.fullmatch(r"powercut: .*no/such/folder.*\n", capsys.readouterr().err)


def test_every_kind_of_owner_has_a_mark_and_no_two_the_same() -> None:
    assert set(MARKS) == set(KINDS)
    assert len(set(MARKS.values())) == len(MARKS)


# --- the page -----------------------------------------------------------------------------------------------


def test_nothing_of_the_page_comes_from_elsewhere(told: Told) -> None:
    page = explain_page(told(CONTENT), "x")
    places = set(re.findall(r"\b(?:https?:)?//[\w.-]+\.[a-z]{2,}[^\s\"'`<]*", page))
    assert places <= {"http://www.w3.org/2000/svg"}
    assert re.findall(r"\b(?:src|srcset|action)=", page) == []
    assert {link for link in re.findall(r'href="([^"]*)"', page) if not link.startswith("#")} == {"data:,"}
    assert "default-src 'none'" in page


def test_keys_and_values_cannot_break_out_of_the_page() -> None:
    evil = b"</script><img src=x onerror=alert(1)>"
    key = b"<!--<script>" + evil.replace(b"/", b"")
    ops = (Op("set", key, value=Literal(evil)), Op("set", b"b", value=Literal(b"&lt;")))
    engine = Engine.load("skink")
    trace = Trace(Geometry(16, 16, 512, 16), ops, EngineRef("skink", engine.version), note=evil.decode())
    page = explain_page(held_story(trace, engine), "</script><b>.trace.json")
    assert "<img" not in page
    assert page.count("<script") == page.count("</script>") == 2
    assert page_data(page)["ops"][0][0].startswith('set "<!--<script>')


# --- lines --------------------------------------------------------------------------------------------------


@given(LINES, LINES)
def test_side_by_side_keeps_both_sides_whole_and_in_order(left: list[Line], right: list[Line]) -> None:
    rows = side_by_side(tuple(left), tuple(right))
    assert [row.left for row in rows if row.left] == left
    assert [row.right for row in rows if row.right] == right
    assert all(row.same for row in rows) == (left == right)


@given(LINES, LINES, st.integers(0, 3))
def test_folding_leaves_out_only_what_is_the_same(left: list[Line], right: list[Line], around: int) -> None:
    rows = side_by_side(tuple(left), tuple(right))
    shown = folded(rows, around)
    count = sum(row if isinstance(row, int) else 1 for row in shown)
    assert count == len(rows)
    kept = [row for row in shown if isinstance(row, Both) and not row.same]
    assert kept == [row for row in rows if not row.same]


@given(st.binary(min_size=128, max_size=128), st.booleans(), st.booleans())
def test_any_bytes_are_a_block_in_lines(data: bytes, pair: bool, whole: bool) -> None:
    lines = block_lines(3, data, pair=pair, whole=whole)
    assert lines
    assert all(line.off is None or 0 <= line.off <= 128 for line in lines)


def test_every_tear_is_told_in_words() -> None:
    texts = [tear_words(Tear(kind, 16, 3, 5)) for kind in TEARS]
    assert len({*texts}) >= len(TEARS) - 1
    assert not any(f"({kind})" in text for kind, text in zip(TEARS, texts, strict=True))


def test_every_damage_is_told_in_words() -> None:
    texts = [damage_words(Damage(kind, 3, 16, 8, 5, 7)) for kind in DAMAGES]
    assert len({*texts}) == len(DAMAGES)
    assert all("block 3" in text for text in texts)
    assert [kind for kind in DAMAGES if fails(Damage(kind))] == list(DAMAGES[5:])


def test_a_cut_tells_what_was_lost_torn_and_survived() -> None:
    events = [Event("prog", block, 0, 16) for block in range(8)]
    assert cut_words(Cut(0), events) == "The power went before the first device event."
    lost = cut_words(Cut(6, lost=(1, 2, 3, 5)), events)
    assert "lost: device events 2 to 4 and 6. The other 2 survived." in lost
    under_way = cut_words(Cut(3, tear=Tear("first", 4, 2)), events)
    assert (
        "The power went during device event 4 of 8 (prog of 16 bytes at block 3, offset 0), which was torn"
        in under_way
    )
    assert "The 3 before it survived." in under_way
    assert cut_words(Cut(0, tear=Tear("first")), events).startswith("The power went during device event 1")
    assert "event 3 of the recovery, which was torn" in cut_words(Cut(2, tear=Tear("first", 4, 2)), None)
    before = cut_words(Cut(3, lost=(0,), tear=Tear("half", 4, 2, back=1)), events)
    assert "Device event 3 (prog of 16 bytes at block 2, offset 0) was torn" in before
    assert "The other 1 survived" in before
    assert "of the recovery" in cut_words(Cut(2), None)


@pytest.mark.parametrize(
    ("cut", "fates"),
    [
        (Cut(2), ["whole", "whole", "never", "never"]),
        (Cut(2, lost=(0,)), ["lost", "whole", "never", "never"]),
        (Cut(2, tear=Tear("first")), ["whole", "whole", "torn", "never"]),
        (Cut(3, lost=(0,), tear=Tear("first", back=1)), ["lost", "whole", "torn", "never"]),
    ],
)
def test_each_event_has_the_fate_that_its_cut_gives_it(cut: Cut, fates: list[str]) -> None:
    assert [fate(cut, index) for index in range(4)] == fates


def test_a_nested_state_is_cut_down_to_its_first_cuts() -> None:
    cuts = (Cut(3, lost=(1,)), Cut(2), Cut(1))
    fault = Fault("nested", cuts, None, "disk512")
    assert shorter(fault, 3) == fault
    assert shorter(fault, 2) == Fault("nested", cuts[:2], None, "disk512")
    assert shorter(fault, 1) == Fault("reorder", cuts[:1], None, "disk512")


def test_a_trace_file_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.trace.json"
    path.write_bytes((ROOT / "traces" / f"{CONTENT[0]}.trace.json").read_bytes())
    before = path.read_bytes()
    assert main(["explain", str(path), "--engine", "skink"]) == 0
    assert path.read_bytes() == before
    assert load(path)


@pytest.mark.parametrize("width", range(38, 48))
def test_no_event_of_the_time_line_is_lost_on_a_narrow_terminal(width: int) -> None:
    path = ROOT / "traces" / "mutant-move-not-pending.trace.json"
    story = held_story(load(path), Engine.load("skink"), 7)
    lines = told_text(story, width).split("Time line")[1].split("■ prog")[0]
    marks = re.findall(r"\d+[■□┃]", lines)
    assert [int(mark[:-1]) for mark in marks] == list(range(1, len(story.events) + 1))
