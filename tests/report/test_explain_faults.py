# SPDX-License-Identifier: ISC
"""powercut explain on every kind of crash state: the cut leaves the device that the explorer judged, each
event has the fate that the state gives it, and whatever the state, there is a page."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import planted
from powercut import devices
from powercut.engine import FILL_KEY, Engine
from powercut.explorer import ExploreOptions
from powercut.fault import KINDS, Cut, Damage, Failing, Fault, Tear
from powercut.faultfile import Explore
from powercut.geometry import Geometry
from powercut.ops import Generated, Literal, Op
from powercut.replay import Replay, reasoned, replay
from powercut.report.fields import story_fields
from powercut.report.film import Frame
from powercut.report.page import explain_page
from powercut.report.story import Story, shorter, tell
from powercut.report.words import HEADLINES, narrative
from powercut.run import record
from powercut.trace import EngineRef, Trace, load

from .conftest import ROOT, Mutant
from .test_explain import told_text

SKINK = Engine.load("skink")
OPS = (
    Op("set", b"a/b", value=Literal(b"one")),
    Op("set", b"c", value=Generated(3, 700)),
    Op("rename", b"a/b", b"d"),
)
TRACE = Trace(Geometry(16, 16, 512, 16), OPS, EngineRef("skink", SKINK.version))
MODELS = devices.named(["nor", "disk512", "hostile"])


def faults(kind: str, most: int = 12) -> list[Fault]:
    """Some crash states of a kind, from all over the run."""
    with record(TRACE, SKINK) as run:
        options = ExploreOptions(kinds=frozenset({kind}), models=MODELS, samples=1)
        if kind != "nested":
            found = run.list(options)
        else:
            found = [
                Fault("nested", (Cut(at), Cut(first), *more))
                for at in range(run.event_count + 1)
                for first in range(events_of(run, at) + 1)
                for more in ((), (Cut(0),))
            ]
    step = max(len(found) // most, 1)
    return found[::step]


def events_of(run: object, at: int) -> int:
    with run.recovery(Fault("prefix", (Cut(at),))) as recovery:  # type: ignore[attr-defined]
        return int(recovery.event_count)


def story_of(fault: Fault) -> Story:
    trace = replace(TRACE, fault=fault)
    return tell(trace, SKINK, Replay(trace, None, 0, ""))


@pytest.mark.parametrize("kind", KINDS)
def test_each_cut_leaves_the_device_that_the_explorer_judges(kind: str) -> None:
    chosen = faults(kind)
    assert len(chosen) >= 4
    with record(TRACE, SKINK) as run:
        for fault in chosen:
            story = story_of(fault)
            film = story.film
            assert film is not None
            assert story.fault == fault
            assert len(film.cuts) == len(fault.cuts)
            for number, frame in enumerate(film.cuts, 1):
                blocks = film.blocks_at(frame)
                image = b"".join(film.versions[blocks[block]] for block in range(16))
                if fault.kind == "full" and len(fault.cuts) == 1:
                    assert_full(image)
                else:
                    assert image == run.fault_image(shorter(fault, number)), (fault, number)
            if fault.kind != "full":
                assert story.snapshot("cut").image == run.fault_image(fault)


def assert_full(image: bytes) -> None:
    """There are fillers on it, and no block is left for one more."""
    keys = {row.key for row in SKINK.entries(image, TRACE.geometry)}
    assert FILL_KEY + b"0" in keys
    with SKINK.record(TRACE.geometry, [Op("set", b"more", value=Literal(bytes(512)))], image=image) as run:
        assert run.code(0) == "NO_SPACE"


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_page_its_text_and_its_json(kind: str, json_schema: Any) -> None:
    for fault in faults(kind, 3):
        story = story_of(fault)
        page = explain_page(story, "x")
        assert page == explain_page(story_of(fault), "x")
        fields = json.loads(json.dumps(story_fields(story)))
        json_schema.validate(
            {"command": "explain", "powercut": "0", "json": 1, "exit": 0}
            | fields
            | {"engine": {"name": "skink", "version": "0"}}
        )
        assert fields["fault"]["kind"] == kind
        said = told_text(story)
        for word in ("lost", "torn"):
            assert (word in story.fates) == (f"{word}" in said.partition("Time line")[0])
        assert f'ev prog {story.fates[0]}"' in page or f'ev erase {story.fates[0]}"' in page


def test_a_write_that_was_lost_for_want_of_a_sync_is_shown_as_lost(mutant: Mutant) -> None:
    library = mutant("90-sync-left-out")
    engine = Engine.load(library)
    fault = Fault("reorder", (Cut(1, lost=(0,)),), None, "disk512")
    trace = Trace(
        Geometry(16, 16, 512, 16),
        (Op("set", b"d", value=Literal(b"x")),),
        EngineRef(engine.name, engine.version),
        fault=fault,
        models=("disk512",),
    )
    story = tell(trace, engine, reasoned(replay(trace, library, isolated=False), library))
    assert story.violation is not None
    why = (
        "Prog #1 (block 0, a commit to the root dictionary (pair 0, 1)) must be durable before operation 0 "
        '(set "d" to "x") returns: no sync follows it.'
    )
    need = (
        "prog #1 (block 0, a commit to the root dictionary (pair 0, 1)) must be durable before the operation"
    )
    assert story.cause is not None
    assert story.cause.sentence == why
    assert (story_fields(story)["why"], len(story_fields(story)["needs"])) == (why, 1)
    said = "\n".join(line.strip() for line in told_text(story).splitlines())
    assert f"Why\n{why}\nWhat the operation needs and is not given:\n• {need}" in said
    page = html.unescape(explain_page(story, "x"))
    assert f"<p>{why}</p>" in page
    assert f"<li>{need} returns.</li>" in page
    assert story.fates[0] == "lost"
    assert story.contents is not None
    assert [(row.key, row.found) for row in story.contents.rows] == [(b"d", "nothing")]
    assert "Not yet synced, and lost: device event 1." in told_text(story)
    assert 'class="ev prog lost"' in explain_page(story, "x")


# --- full devices, damage -----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(len(OPS) + 1))
def test_on_a_full_device_each_operation_and_the_removals_are_told(number: int) -> None:
    story = story_of(Fault("full", (Cut(number),)))
    said = told_text(story)
    titles = [title for title, _ in story.full]
    assert titles == ["Full", "On the full device", "Emptied"][: 3 if number < len(OPS) else 1] + (
        ["Emptied"] if number == len(OPS) else []
    )
    if number < len(OPS):
        assert f"Operation {number}, " in dict(story.full)["On the full device"]
    assert "wrong" not in "".join(words for _, words in story.full)
    assert story.contents is not None
    assert story.contents.engine_right
    assert {row.key for row in SKINK.entries(story.snapshot("after").image, TRACE.geometry)}.isdisjoint(
        {FILL_KEY + b"0", FILL_KEY + b"1"}
    )
    assert "What the store holds is right" in said or story.violation is None


def test_a_value_that_a_full_device_lost_is_named(mutant: Mutant) -> None:
    library = mutant("05-free-map-off-by-one")
    engine = Engine.load(library)
    fault = Fault("full", (Cut(0),))
    trace = Trace(
        Geometry(16, 16, 512, 4, 0xFF),
        (Op("set", b"w", value=Literal(b"")),),
        EngineRef(engine.name, engine.version),
        fault=fault,
    )
    story = tell(trace, engine, replay(trace, library, isolated=False))
    assert story.violation is not None
    assert story.violation.kind == "full"
    assert "What the store holds after that is wrong." in story.full[-1][1]
    assert story.cause is not None
    assert story.cause.sentence.endswith(story.full[-1][1])
    assert story.contents is not None
    assert {row.key for row in story.contents.rows} == {FILL_KEY + b"1"}
    assert not story.compared[0].same
    assert "powercut-fill-1" in story.compared[0].right.words


def test_damage_is_not_called_a_power_cut(mutant: Mutant) -> None:
    library = mutant("02-crc-not-checked")
    engine = Engine.load(library)
    ops = (Op("set", b"a", value=Literal(b"")), Op("set", b"b", value=Literal(b"")))
    with engine.record(Geometry(1, 1, 128, 4, 0xFF), ops) as run:
        count = run.event_count
    damage = Damage("flip", 3, 28, value=4)  # in the timestamp of a
    reference = EngineRef(engine.name, engine.version)
    fault = Fault("damage", (Cut(count),), damage)
    trace = Trace(Geometry(1, 1, 128, 4, 0xFF), ops, reference, fault=fault)
    story = tell(trace, engine, replay(trace, library, isolated=False))
    assert story.violation is not None
    page, said = explain_page(story, "x"), told_text(story)
    for text in (page, said):
        assert "On a damaged device the engine shows something wrong, and no error" in text
        assert "modified 20" in text
        assert "The mount after the damage wrote nothing." in text
    assert "power goes" not in page.partition("<script")[0].partition("Words")[0]
    assert "1 key differs" in said
    assert "the power goes" not in said
    assert "✗ the damage" in said


# --- the time line of the terminal -------------------------------------------------------------------------


def line_of(story: Story) -> list[str]:
    """The time line, without any colour."""
    text = told_text(story).partition("Time line\n")[2].partition("\n\n")[0]
    return [" ".join(line.split()) for line in text.splitlines()]


def story_at(*cuts: Cut, kind: str, model: str = "") -> Story:
    return story_of(Fault(kind, cuts, None, model))


def test_the_time_line_tells_without_colours_what_was_lost_torn_and_never_happened() -> None:
    first = '0 set "a/b" to "one" OK '
    assert line_of(story_at(Cut(2), kind="prefix"))[0].startswith(first + "1□ 2┃ ⚡ 3■ ")
    at_the_start = line_of(story_at(Cut(0), kind="prefix"))
    assert at_the_start[0].startswith(first + "⚡ 1□ 2┃ ")
    assert "⚡ the power goes; what is behind it never happened" in at_the_start[-1]
    lost = line_of(story_at(Cut(2, lost=(0,)), kind="reorder", model="disk512"))
    assert lost[0].startswith(first + "1□✕ 2┃ ⚡ 3■ ")
    assert lost[-1].endswith("✕ lost")
    torn = line_of(story_at(Cut(0, tear=Tear("first", 16, 1)), kind="torn", model="nor"))
    assert torn[0].startswith(first + "⚡ 1□½ 2┃ ")
    assert torn[-1].endswith("½ torn")
    end = [step.events.stop for step in story_at(Cut(0), kind="prefix").steps]
    assert line_of(story_at(Cut(end[0]), kind="prefix"))[0].endswith(f"{end[0]}┃ ⚡")
    whole = line_of(story_at(Cut(end[-1]), kind="prefix"))
    assert "never happened" not in whole[-1]


def test_the_time_line_goes_on_through_each_recovery_to_its_cut() -> None:
    with record(TRACE, SKINK) as run:
        at = next(at for at in range(run.event_count) if events_of(run, at) > 1)
    nested = line_of(story_at(Cut(at), Cut(1), Cut(0), kind="nested"))
    rows = [line for line in nested if line.startswith("recovery after")]
    assert re.fullmatch("recovery after cut 1: [a-z ]+ 1[■□┃] ⚡", rows[0])
    assert rows[1] == "recovery after cut 2 ⚡"


def test_a_cut_that_is_in_no_operation_has_a_row_of_its_own() -> None:
    empty = replace(TRACE, operations=(), fault=Fault("full", (Cut(0),)))
    said = line_of(tell(empty, SKINK, Replay(empty, None, 0, "")))
    assert said[0] == "no operations ✗"
    assert any(line.startswith("removal of what filled the device 1") for line in said)
    assert "✗ the device is full" in said[-1]


def test_what_fills_a_device_is_not_called_as_it_was_at_the_start(liar: Mutant) -> None:
    library = liar("REMOVE_NEEDS_ROOM")
    engine = Engine.load(library)
    reference = EngineRef(engine.name, engine.version)
    trace = Trace(Geometry(16, 16, 128, 4, 0xFF), (), reference, fault=Fault("full", (Cut(0),)))
    story = tell(trace, engine, replay(trace, library, isolated=False))
    kinds = [owner.kind for owner in story.snapshot("cut").owners.values()]
    assert set(kinds) == {"filled"}
    assert "F written to fill the device up" in told_text(story)


def test_what_arrived_in_part_belongs_to_the_operation_that_wrote_it(liar: Mutant) -> None:
    library = liar("NO_HEAD_SUM")
    trace = load(ROOT / "traces" / "liar-no-head-sum-torn.trace.json")
    story = tell(trace, Engine.load(library), replay(trace, library, isolated=False))
    assert story.fault is not None
    torn = story.events[story.fault.cuts[0].at]
    assert story.snapshot("cut").owners[torn.block].kind == "now"


def test_the_reason_on_a_full_device_is_the_step_that_went_wrong(liar: Mutant) -> None:
    library = liar("REMOVE_NEEDS_ROOM")
    trace = load(ROOT / "traces" / "liar-remove-needs-room-full.trace.json")
    story = tell(trace, Engine.load(library), replay(trace, library, isolated=False))
    assert story.cause is not None
    assert story.cause.sentence == (
        "With no block free on the fresh store, this goes wrong: What filled it was to be removed, and "
        'remove "powercut-fill-0" answered NO_SPACE.'
    )


def test_a_device_call_that_fails_is_told(liar: Mutant) -> None:
    """Else the reader looks for the mistake in a device that did all that it was asked."""
    library = liar("ERROR_IGNORED")
    operations = (Op("set", b"a", value=Literal(b"1")), Op("set", b"a", value=Literal(b"2")))
    explore = Explore(("prefix",))
    trace = Trace(Geometry(16, 16, 128, 5), operations, EngineRef("plain", "1"), explore=explore)
    for at in range(8):
        failing = replace(trace, failing=Failing("prog", at))
        shown = replay(failing, library, isolated=False)
        if shown.violation is not None:
            break
    assert shown.violation is not None
    said = f"prog call {at + 1} from the mount on answers IO"
    story = tell(failing, Engine.load(library), shown)
    assert f"One device call fails in this run: {said}. " in dict(narrative(story))["Device error"]
    assert "Device error" in told_text(story)
    assert f"<dt>Device error</dt><dd>{said}</dd>" in explain_page(story, "x")
    sound = tell(trace, Engine.load(library), replay(trace, library, isolated=False))
    assert "Device error" not in told_text(sound) + explain_page(sound, "x")


def test_a_mistake_without_a_cut_is_nowhere_called_one(liar: Mutant) -> None:
    library = liar("WRONG_CODE")
    operations = (Op("set", b"a", value=Literal(b"1")), Op("list", b""))
    trace = Trace(Geometry(16, 16, 128, 5), operations, EngineRef("plain", "1"))
    story = tell(trace, Engine.load(library), replay(trace, library, isolated=False))
    assert story.violation is not None
    assert (story.violation.kind, story.violation.fault) == ("answer", None)
    titles = [one.title for one in story.snapshots]
    assert titles[1] == "at the mistake"
    assert not {"at the cut", "after the recovery"} & set(titles)


def film_of(story: Story) -> list[Frame]:
    assert story.film is not None
    return story.film.frames


def test_each_cut_of_a_recovery_says_in_what_it_was(liar: Mutant) -> None:
    """In the mount, and in the fresh set that is cut as well; and the fresh key may be there or not."""
    told = {}
    for lie in ("REWRITES_GOOD", "THIRD"):
        library = liar(lie)
        trace = load(ROOT / "traces" / f"liar-{lie.lower().replace('_', '-')}-nested.trace.json")
        told[lie] = told_text(tell(trace, Engine.load(library), replay(trace, library, isolated=False)))
    assert "Cut 2, in the mount" in told["REWRITES_GOOD"]
    assert "Cut 2, in the fresh set" in told["THIRD"]
    assert "Cut 3, in the fresh set" in told["THIRD"]
    assert "The store as it was at the start, the fresh key there or not." in told["THIRD"]


@pytest.mark.parametrize(
    ("name", "more"),
    [("liar-forgets-resume", False), ("liar-forgets-resume", True), ("liar-rushes-resume-nested", False)],
)
def test_a_run_that_goes_on_is_followed_to_where_it_went_wrong(
    liar: Mutant, json_schema: Any, name: str, more: bool
) -> None:
    trace = load(ROOT / "traces" / f"{name}.trace.json")
    last = len(trace.operations) - 1
    if more:
        last += 1
        operations = (*trace.operations[:1], Op("set", b"b", value=Literal(b"x")), *trace.operations[1:])
        trace = replace(trace, operations=operations, explore=replace(trace.explore, resume=2))
    library = liar(trace.engine.version.removeprefix("1+"))
    story = tell(trace, Engine.load(library), replay(trace, library, isolated=False))
    said = told_text(story)
    page = explain_page(story, "1")
    json_schema.validate(
        {"command": "explain", "powercut": "0", "json": 1, "exit": 1}
        | json.loads(json.dumps(story_fields(story)))
        | {"engine": {"name": "plain", "version": "1"}}
    )
    assert story.contents is not None
    assert not story.contents.engine_right
    if "nested" in name:
        assert "of up to 2 operations behind that as far as they had returned, the fresh key there or" in said
        assert "Cut 2, in the run that went on" in said
        assert re.search(r"recovery after cut 1: mount +1□.* 6┃ *\n", said)
        assert re.search(r"recovery after cut 1: a fresh set +7□.* 15┃ *\n", said)
        assert re.search(r"recovery after cut 1: the run that went on +16□.*35■ ⚡ *\n", said)
        assert "the power goes again, in the run that went on" in [frame.words for frame in film_of(story)]
        return
    assert [row.key for row in story.contents.rows] == [b"a"]
    titles = [one.title for one in story.snapshots]
    assert titles[-2:] == ["after the run went on", f"uncut, after operation {last}"]
    assert f"The store after operation {last} of the run, and with it the fresh key." in said
    made = "wrote nothing" if last == 1 else "made 9 device events"
    assert f"The run then went on and {made}." in said
    assert bool(re.search(r"recovery: the run that went on +16□ 17■ 18┃", said)) == (last == 2)
    assert ("in the run that went on" in html.unescape(page)) == (last == 2)


# --- what ends its process ----------------------------------------------------------------------------------


def deadly(folder: Path, way: str, place: str, kind: str) -> tuple[Trace, str]:
    """A trace of the engine that ends its process in that way and place, explored in states of one kind."""
    library = str(planted.deadly(folder, way, place))
    engine = Engine.load(library)
    models = {"torn": ("nor",), "reorder": ("disk512",)}.get(kind, ())
    ops = (Op("set", b"a", value=Literal(b"1")), Op("remove", b"a"))
    reference = EngineRef(engine.name, engine.version)
    return Trace(Geometry(16, 16, 128, 5), ops, reference, models=models, explore=Explore((kind,))), library


@pytest.mark.parametrize(
    ("way", "place", "kind", "words"),
    [
        ("ASSERT", "TORN", "torn", "SIGABRT (assertion `start == 1' failed in misbehave), in the mount."),
        ("ABORT", "PROBE", "prefix", "SIGABRT, in the fresh set after the mount."),
        ("SEGFAULT", "REORDER", "reorder", "SIGSEGV, in the mount."),
        ("ABORT", "DAMAGE", "damage", "SIGABRT, in the mount."),
        ("EXIT", "FULL", "full", "exit code 7."),
    ],
)
def test_what_a_cut_left_is_told_of_an_engine_that_ends_over_it(
    tmp_path: Path, way: str, place: str, kind: str, words: str
) -> None:
    """The run, the cut and the device are known, and all of it is told; the recovery alone is not."""
    trace, library = deadly(tmp_path, way, place, kind)
    story = tell(trace, Engine.load(library), replay(trace, library))
    assert story.violation is not None
    assert (story.violation.kind, story.fault) == ("crash", story.violation.fault)
    assert [step.code for step in story.steps] == ["OK", "OK"]
    assert [one.name for one in story.snapshots] == ["before", "cut", "expected"]
    said = told_text(story)
    assert f"The engine did not come back: it ended its process: {words}" in " ".join(said.split())
    assert {"Time line", "Blocks"} <= {line.strip() for line in said.splitlines()}
    assert "it ended its process" in explain_page(story, "x")
    assert len(story_fields(story)["maps"]) == 3


def test_a_story_that_ends_its_teller_is_told_as_far_as_it_is_known(tmp_path: Path) -> None:
    """Another crash state is asked for than the one that is known to be deadly, and it is deadly, too."""
    trace, library = deadly(tmp_path, "ABORT", "PREFIX", "prefix")
    shown = replay(trace, library)
    assert shown.violation is not None
    assert shown.violation.fault is not None
    elsewhere = replace(shown.violation, fault=Fault("prefix", (Cut(0),)))
    known = replace(shown, violation=elsewhere)
    story = tell(trace, Engine.load(library), known, shown.violation.fault.state)
    assert (story.film, [step.code for step in story.steps]) == (None, ["?", "?"])
    assert HEADLINES["crash"] in told_text(story)
