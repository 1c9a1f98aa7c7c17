# SPDX-License-Identifier: ISC
"""Traces: equal ones are equal bytes, every one comes back, and what is no trace is told in one sentence."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from powercut import wire, wire1
from powercut.errors import PowercutError
from powercut.fault import DAMAGES, TEARS, VIOLATIONS, Cut, Damage, Failing, Fault, Tear, prefix
from powercut.fault import KINDS as FAULT_KINDS
from powercut.faultfile import Explore, ModelData
from powercut.geometry import Geometry
from powercut.ops import KINDS, Generated, Literal, Op
from powercut.trace import (
    EngineOptions,
    EngineRef,
    Expectation,
    Trace,
    dumps,
    file_name,
    load,
    loads,
    save,
    save_found,
)
from powercut.wirefault import FAILINGS, RULES

#: Whole traces take a while to draw, on a machine that has other work more than Hypothesis expects.
NO_HURRY = settings(suppress_health_check=[HealthCheck.too_slow])

NAMES = st.binary(max_size=12)
VALUES = st.one_of(
    st.builds(Literal, st.binary(max_size=400)),
    st.builds(Literal, st.text(max_size=70).map(str.encode)),
    st.builds(Generated, st.integers(0, 2**63 - 1), st.integers(0, wire.VALUE_MAX // 64)),
)
NUMBERS = st.integers(0, 2**63 - 1)
PLAIN = sorted(set(KINDS) - {"set", "set_partial", "get_partial", "allocate", "rename", "sync"})
OPERATIONS = st.one_of(
    st.builds(Op, st.sampled_from(PLAIN), NAMES),
    st.builds(Op, st.just("set"), NAMES, value=VALUES),
    st.builds(Op, st.just("set_partial"), NAMES, off=NUMBERS, value=VALUES),
    st.builds(Op, st.just("get_partial"), NAMES, off=NUMBERS, length=NUMBERS),
    st.builds(Op, st.just("allocate"), NAMES, length=st.integers(0, 10**6)),
    st.builds(Op, st.just("rename"), NAMES, target=NAMES),
    st.just(Op("sync", b"")),
)  # fmt: skip
FAULTS = st.one_of(
    st.builds(prefix, st.integers(0, 10**6)),
    st.builds(
        lambda at, a, b, unit: Fault("torn", (Cut(at, (), Tear("mask", unit, a, b)),), None, "disk512"),
        st.integers(0, 99),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**64 - 1),
        st.integers(1, 4096),
    ),
    st.builds(
        lambda at, lost: Fault("reorder", (Cut(at, tuple(sorted(lost))),), None, "mine"),
        st.integers(64, 99),
        st.sets(st.integers(35, 63), min_size=1),
    ),
    st.builds(
        lambda first, second: Fault("nested", (Cut(first), Cut(second, (second - 1,)))),
        st.integers(0, 9),
        st.integers(1, 9),
    ),
    st.builds(
        lambda kind, numbers: Fault("damage", (Cut(9),), Damage(kind, *numbers)),
        st.sampled_from(DAMAGES),
        st.tuples(
            st.just(0), st.integers(0, 63), st.integers(0, 64), st.integers(0, 7), st.integers(0, 2**32 - 1)
        ),
    ),
    st.builds(lambda at: Fault("full", (Cut(at),)), st.integers(0, 9)),
    st.builds(lambda at, then: Fault("full", (Cut(at), Cut(then))), st.integers(0, 9), st.integers(0, 99)),
)
MINE = ModelData("mine", 512, 0, ("units", "zero"), (), True, False)
EXPLORES = st.builds(
    Explore,
    st.lists(st.sampled_from(FAULT_KINDS), min_size=1, unique=True).map(tuple),
    st.lists(st.sampled_from(("prefix", "torn", "reorder")), unique=True).map(tuple),
    st.integers(2, 4),
    st.integers(0, 99),
    st.integers(0, 2**64 - 1),
)
EXPECTATIONS = st.one_of(
    st.just(Expectation()),
    st.builds(
        Expectation,
        st.just("violation"),
        st.just("content"),
        st.none() | st.integers(0, 99),
        st.text(max_size=9),
        st.sampled_from(("", "CORRUPT")),
        st.booleans(),
        st.text(max_size=9),
    ),
)
ENGINES = st.builds(
    EngineRef, st.just("ditto"), st.text(max_size=9), st.builds(EngineOptions, st.integers(0, 1022))
)
TRACES = st.builds(
    Trace,
    st.builds(
        Geometry,
        st.just(16),
        st.just(16),
        st.sampled_from((128, 512)),
        st.integers(1, 99),
        st.none() | st.integers(0, 255),
    ),
    st.lists(OPERATIONS, max_size=5).map(tuple),
    ENGINES,
    fault=st.none() | FAULTS,
    expect=EXPECTATIONS,
    note=st.text(max_size=9),
    failing=st.none() | st.builds(Failing, st.sampled_from(FAILINGS), NUMBERS, st.booleans()),
    models=st.just(("disk512", MINE)),
    explore=EXPLORES,
)  # fmt: skip

SCHEMA = jsonschema.Draft202012Validator(wire.schema())

SMALL = Trace(
    Geometry(16, 16, 512, 8, 0xFF),
    (Op("set", b"a/b", value=Literal(b"hi")), Op("set", b"c", value=Generated(7, 4097)), Op("remove", b"a")),
    EngineRef("ditto", "0.1.0"),
)


def fields(trace: Trace = SMALL) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(dumps(trace))
    return found


def fault(kind: str, *cuts: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The field of a crash state."""
    return {"fault": {"kind": kind, "cuts": list(cuts), **more}}


def refusal(text: str | bytes | dict[str, Any], folder: Path = Path()) -> str:
    """The sentence that a text is refused with."""
    data = (
        json.dumps(text).encode()
        if isinstance(text, dict)
        else text.encode()
        if isinstance(text, str)
        else text
    )
    with pytest.raises(PowercutError) as caught:
        loads(data, "one.trace.json", folder)
    sentence = str(caught.value)
    assert "one.trace.json" in sentence
    assert "\n" not in sentence
    return sentence


@NO_HURRY
@given(TRACES)
def test_a_trace_comes_back_equal_from_its_text(trace: Trace) -> None:
    text = dumps(trace)
    assert loads(text.encode(), "x", Path()) == trace
    assert dumps(loads(text.encode(), "x", Path())) == text


@NO_HURRY
@given(TRACES)
def test_what_is_written_follows_the_schema(trace: Trace) -> None:
    SCHEMA.validate(json.loads(dumps(trace)))


def test_the_published_schema_is_the_one_that_is_checked(root: Path) -> None:
    assert json.loads((root / "traces" / "schema.json").read_text()) == wire.schema()
    jsonschema.Draft202012Validator.check_schema(wire.schema())


def test_the_schema_refuses_what_is_neither_value(root: Path) -> None:
    for value in ({}, {"hex": "00", "seed": 1, "length": 1}, {"seed": 1}, 7, {"hex": "0"}):
        wrong = fields()
        wrong["operations"][0]["value"] = value
        with pytest.raises(jsonschema.ValidationError):
            SCHEMA.validate(wrong)
        refusal(wrong)


def test_every_operation_and_field_is_in_the_reference(root: Path) -> None:
    reference = (root / "traces" / "README.md").read_text()
    for kind in KINDS:
        assert f"`{kind}`" in reference
    for name in fields():
        assert f"`{name}`" in reference
    for name in (*FAULT_KINDS, *TEARS, *DAMAGES, *FAILINGS, *RULES, *VIOLATIONS):
        assert f"`{name}`" in reference
    for definition in ("FaultField", "CutField", "TearField", "DamageField", "ModelField", "ExploreField"):
        for name in wire.schema()["$defs"][definition]["properties"]:
            assert f"`{name}`" in reference, name


def test_small_values_read_as_text_and_large_ones_stay_small() -> None:
    written = fields()["operations"]
    assert written[0] == {"op": "set", "key": "a/b", "value": "hi"}
    assert written[1] == {"op": "set", "key": "c", "value": {"seed": 7, "length": 4097}}
    zeros = replace(SMALL, operations=(Op("set", b"z", value=Literal(bytes(100_000))),))
    assert len(dumps(zeros)) < 1500


def test_an_image_travels_inside_the_trace() -> None:
    trace = replace(SMALL, image=bytes(range(256)) * 16)
    assert loads(dumps(trace).encode(), "x", Path()) == trace


def test_an_image_may_lie_beside_the_trace(tmp_path: Path) -> None:
    image = bytes(8 * 512)
    (tmp_path / "one.img").write_bytes(image)
    written = fields()
    written["image"] = {"sha256": hashlib.sha256(image).hexdigest(), "file": "one.img"}
    assert loads(json.dumps(written).encode(), "x", tmp_path).image == image
    (tmp_path / "one.img").write_bytes(bytes(8 * 512 - 1) + b"x")
    assert "SHA-256" in refusal(written, tmp_path)
    (tmp_path / "one.img").write_bytes(b"short")
    assert "5 bytes" in refusal(written, tmp_path)
    (tmp_path / "one.img").unlink()
    assert "one.img" in refusal(written, tmp_path)


def test_saving_is_byte_for_byte_the_same_and_leaves_nothing_else(tmp_path: Path) -> None:
    save(SMALL, tmp_path / "deep" / "one.trace.json")
    first = (tmp_path / "deep" / "one.trace.json").read_bytes()
    save(SMALL, tmp_path / "deep" / "one.trace.json")
    assert (tmp_path / "deep" / "one.trace.json").read_bytes() == first == dumps(SMALL).encode()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["one.trace.json"]
    assert load(tmp_path / "deep" / "one.trace.json") == SMALL


def test_file_names_tell_engine_and_kind_and_differ_by_content() -> None:
    broken = replace(SMALL, expect=Expectation("violation", "lost_write", 3))
    assert file_name(broken).startswith("ditto-lost-write-")
    assert file_name(broken) != file_name(replace(broken, fault=prefix(3)))


def test_a_failure_that_was_found_before_is_not_saved_again(tmp_path: Path) -> None:
    """Each seed finds it anew; the file of the first stays, byte for byte."""
    broken = replace(SMALL, expect=Expectation("violation", "lost_write", 3), note="seed 1, trace 0")
    path = save_found(broken, tmp_path)
    first = path.read_bytes()
    assert save_found(replace(broken, note="seed 2, trace 7"), tmp_path) == path
    assert path.read_bytes() == first
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_of_that_name_that_says_something_else_is_replaced(tmp_path: Path) -> None:
    broken = replace(SMALL, expect=Expectation("violation", "lost_write", 3))
    path = save_found(broken, tmp_path)
    for other in (dumps(SMALL), "no trace"):
        path.write_text(other)
        assert save_found(broken, tmp_path) == path
        assert load(path) == broken


def test_saving_where_it_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PowercutError, match=r"Cannot save the trace"):
        save(SMALL, tmp_path / "file" / "one.trace.json")


@pytest.mark.parametrize("cut", [0, 1, 10, 200, 500])
def test_a_trace_that_is_cut_short_is_told(cut: int) -> None:
    assert "damaged or cut short" in refusal(dumps(SMALL)[:cut])


def outcome(text: bytes) -> str:
    """ "read", or the sentence that the text is refused with; whatever else is raised comes through."""
    try:
        loads(text, "x", Path())
    except PowercutError as error:
        return str(error)
    return "read"


def test_every_cut_and_every_flipped_byte_is_read_or_refused_in_one_line() -> None:
    text = dumps(SMALL).encode()
    for at in range(len(text)):
        assert "damaged or cut short" in outcome(text[:at]) or at >= len(text) - 1
        assert "\n" not in outcome(text[:at] + bytes([text[at] ^ 0x15]) + text[at + 1 :])


def test_a_newer_version_is_told_as_such() -> None:
    assert "version 3" in refusal(fields() | {"version": 3, "surprise": True})


def version_1() -> dict[str, Any]:
    """The fields of a file of version 1."""
    written = fields()
    for name in ("failing", "models", "explore"):
        del written[name]
    return written | {
        "version": 1,
        "fault": {"kind": "prefix", "state": 7},
        "expect": {"verdict": "violation", "kind": "read", "state": 7, "words": "It broke."},
    }


def test_a_trace_of_version_1_is_read_as_what_it_meant() -> None:
    trace = loads(json.dumps(version_1()).encode(), "x", Path())
    assert trace == replace(SMALL, fault=prefix(7), expect=Expectation("violation", "read", 7, "It broke."))
    assert trace.explore.kinds == ("prefix",)
    assert fields(trace)["version"] == 2
    unpinned = version_1() | {"fault": None, "expect": {"verdict": "held"}}
    assert loads(json.dumps(unpinned).encode(), "x", Path()) == SMALL


def test_a_file_of_version_1_as_it_was_written_is_read(root: Path) -> None:
    trace = load(root / "tests" / "harness" / "version_1.json")
    assert (trace.fault, trace.expect.kind, trace.expect.claimed) == (prefix(6), "content", True)
    assert trace.operations == (
        Op("set", b"d/a", value=Literal(b"")),
        Op("rename", b"d/a", target=b"v"),
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"explore": {"kinds": ["torn"]}}, "explore"),
        ({"failing": None}, "failing"),
        ({"fault": {"kind": "prefix", "cuts": [{"at": 1}]}}, "fault"),
        ({"fault": {"kind": "prefix", "state": -1}}, "state"),
        ({"expect": {"verdict": "violation"}}, "expect"),
        ({"expect": {"verdict": "violation", "kind": "read", "claimed": True}}, "claimed"),
        ({"expect": {"verdict": "violation", "kind": "meteor"}}, "expect.kind"),
    ],
)
def test_a_trace_of_version_1_has_nothing_of_a_later_one(change: dict[str, Any], named: str) -> None:
    assert named in refusal(version_1() | change)


def test_the_schema_of_version_1_has_not_moved(root: Path) -> None:
    """What a file of version 1 may say is fixed: a field more would be read there, and refused by others."""
    made = wire1.TraceField1.__struct_fields__
    assert set(made) == set(version_1())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"format": "other"}, "format"),
        ({"version": 0}, "version"),
        ({"surprise": 1}, "surprise"),
        ({"expect": {"verdict": "perhaps"}}, "verdict"),
        ({"expect": {"verdict": "held", "kind": "mount"}}, "expect"),
        ({"expect": {"verdict": "violation"}}, "expect"),
        ({"expect": {"verdict": "violation", "kind": "meteor"}}, "expect.kind"),
        ({"image": {"sha256": "0" * 64, "file": "/etc/passwd"}}, "beside it"),
        ({"image": {"sha256": "0" * 64, "file": "../one.img"}}, "beside it"),
        ({"image": {"sha256": "0" * 64, "file": "one\0.img"}}, "beside it"),
        ({"fault": {"kind": "meteor", "state": 1}}, "fault"),
        ({"fault": {"kind": "prefix", "state": 1}}, "fault"),
        (fault("prefix", {"at": -1}), "cuts[0].at"),
        (fault("prefix"), "cuts"),
        (fault("prefix", {"at": 1}, {"at": 1}), "nested two or more"),
        (fault("nested", {"at": 1}), "nested two or more"),
        (fault("nested", *[{"at": 1}] * 5), "cuts"),
        (fault("prefix", {"at": 3, "lost": [1]}), "nothing is lost or torn"),
        (fault("full", {"at": 3, "torn": {"kind": "first"}}), "nothing is lost or torn"),
        (fault("torn", {"at": 3}), "under way is torn"),
        (fault("torn", {"at": 3, "torn": {"kind": "first", "back": 1}}), "under way is torn"),
        (fault("torn", {"at": 3, "torn": {"kind": "meteor"}}), "torn.kind"),
        (fault("torn", {"at": 3, "torn": {"kind": "some", "b": 2**64}}), "64 bits"),
        (fault("torn", {"at": 3, "torn": {"kind": "some", "b": -1}}), "torn.b"),
        (fault("torn", {"at": 3, "torn": {"kind": "first", "unit": 0}}), "torn.unit"),
        (fault("reorder", {"at": 3}), "lost or torn"),
        (fault("reorder", {"at": 3, "lost": [3]}), "lost"),
        (fault("reorder", {"at": 99, "lost": [34]}), "lost"),
        (fault("reorder", {"at": 3, "lost": [1, 0]}), "in order"),
        (fault("reorder", {"at": 3, "lost": [1, 1]}), "in order"),
        (
            fault("reorder", {"at": 3, "lost": [1], "torn": {"kind": "first", "back": 2}}),
            "both lost and torn",
        ),
        (fault("reorder", {"at": 3, "torn": {"kind": "first", "back": 4}}), "before the first"),
        (fault("damage", {"at": 3}), "damage belongs"),
        (fault("prefix", {"at": 3}, damage={"kind": "flip"}), "damage belongs"),
        (fault("damage", {"at": 3}, damage={"kind": "rust"}), "damage.kind"),
        (fault("damage", {"at": 3}, damage={"kind": "flip", "block": 10**6}), "outside the"),
        (fault("damage", {"at": 3}, damage={"kind": "zero", "off": 8, "size": 2**31}), "outside the"),
        (fault("damage", {"at": 3}, damage={"kind": "flip", "value": 8}), "no bit 8"),
        (fault("prefix", {"at": 3}, model="nowhere"), "'nowhere'"),
        ({"models": ["a", "a"]}, "models"),
        ({"models": [""]}, "models"),
        ({"models": [{"name": "a"}]}, "models[0]"),
        ({"explore": {"kinds": []}}, "explore.kinds"),
        ({"explore": {"kinds": ["torn", "torn"]}}, "twice"),
        ({"explore": {"kinds": ["meteor"]}}, "explore.kinds"),
        ({"explore": {"kinds": ["torn"], "depth": 5}}, "depth"),
        ({"explore": {"kinds": ["torn"], "seed": 2**70}}, "explore.seed"),
        ({"failing": {"kind": "read"}}, "failing"),
        ({"failing": {"kind": "smile", "at": 1}}, "failing.kind"),
        ({"operations": [{"op": "explode", "key": "a"}]}, "explode"),
        ({"operations": [{"op": "get"}]}, "key"),
        ({"operations": [{"op": "get", "key": 7}]}, "operations[0].key"),
        ({"operations": [{"op": "get", "key": "%G0"}]}, "hex digits"),
        ({"operations": [{"op": "get", "key": "a", "value": "b"}]}, "value"),
        ({"operations": [{"op": "set", "key": "a", "value": {"seed": 1, "length": 10**15}}]}, "length"),
        ({"operations": [{"op": "allocate", "key": "a", "length": 10**15}]}, "length"),
        ({"operations": [{"op": "set", "key": "a", "value": {"zlib": "!!"}}]}, "zlib"),
        ({"operations": [{"op": "set", "key": "a", "value": {"seed": 1, "length": 2**28}}] * 5}, "together"),
    ],
)
def test_what_cannot_be_is_named(change: dict[str, Any], named: str) -> None:
    assert named in refusal(fields() | change)


@pytest.mark.parametrize(
    "change",
    [
        {"block_count": 2**31},
        {"block_count": 2**31 - 1},
        {"block_count": 0},
        {"block_size": 500},
        {"prog_size": 0},
        {"erase_value": 256},
        {"read_size": 1.5},
    ],
)
def test_a_geometry_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    written = fields()
    written["geometry"] |= change
    assert "geometry" in refusal(written)


def test_a_zlib_bomb_is_refused_without_unpacking_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "VALUE_MAX", 1 << 20)
    bomb = base64.b64encode(zlib.compress(bytes(wire.VALUE_MAX + 4096), 9)).decode()
    written = fields() | {"operations": [{"op": "set", "key": "a", "value": {"zlib": bomb}}]}
    assert "longer than" in refusal(written)


def test_nesting_without_end_is_refused() -> None:
    assert refusal('{"a":' * 200_000)


@pytest.mark.parametrize(
    ("once", "twice", "named"),
    [
        ('"version": 2,', '"version": 2, "version": 2,', "version"),
        ('"block_count": ', '"block_count": 1, "block_count": ', "block_count"),
        ('"key": "', '"key": "b", "key": "', "key"),
    ],
)
def test_a_field_that_is_there_twice_is_refused(once: str, twice: str, named: str) -> None:
    """Which of the two counts would depend on who reads it."""
    text = dumps(SMALL)
    assert once in text
    assert f"the field '{named}' twice" in refusal(text.replace(once, twice, 1))


def test_a_file_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("powercut.trace._FILE_MAX", 1 << 16)
    with pytest.raises(PowercutError, match="no trace is that large"):
        load(Path("/dev/zero"))


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.trace.json", tmp_path):
        with pytest.raises(PowercutError, match="Cannot read the trace"):
            load(path)
