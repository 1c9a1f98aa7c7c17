# SPDX-License-Identifier: ISC
"""Golden sets: recorded the same each time, small, covering the format, and held against every build.

The sets of this project's own releases are the folders of tests/golden that have a golden.json.
"""

from __future__ import annotations

import json
import lzma
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from powercut.cli import main
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.geometry import Geometry
from powercut.golden import manifest
from powercut.golden.check import Checked, Task, check, check_here
from powercut.golden.coverage import coverage, shown
from powercut.golden.record import Recorded, Request, choose, record, record_here, workloads, write
from powercut.trace import DEFAULTS, EngineOptions
from powercut_models.features import KNOWN, TAGS
from powercut_models.image import ImageError, read_image

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SETS = sorted(path.parent for path in GOLDEN.glob("*/golden.json"))
TOY = str(Path(__file__).parent / "toy.py")
SMALL = Request("skink", (Geometry(16, 16, 256, 96, 0xFF),), (DEFAULTS,))
TOY_DEVICE = Geometry(16, 16, 4096, 16, 0xFF)

Told = Callable[..., tuple[int, dict[str, Any]]]


def no_beat(item: int) -> None:
    """In this process nobody listens."""


@pytest.fixture
def told(capfd: pytest.CaptureFixture[str]) -> Told:
    """A command with --json: its exit code and what it prints."""

    def run(*arguments: object) -> tuple[int, dict[str, Any]]:
        capfd.readouterr()
        code = main([*map(str, arguments), "--json"])
        return code, json.loads(capfd.readouterr().out)

    return run


@pytest.fixture(scope="session")
def small() -> Recorded:
    return record_here(SMALL, no_beat)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def toy_sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sets of both versions of the toy engine."""
    folder = tmp_path_factory.mktemp("toy")
    for name in ("V1", "V2"):
        made = record_here(Request(f"{TOY}:{name}", (TOY_DEVICE,), (DEFAULTS,), 9), no_beat)  # type: ignore[arg-type]
        write(made, folder / name)
    return {name: folder / name for name in ("V1", "V2")}


# --- this project's own sets ---------------------------------------------------------------------------


def test_there_is_a_set_of_each_release_and_of_what_is_built() -> None:
    skink = Engine.load("skink")
    assert {path.name for path in SETS} == {"skink-0.1.0"} | {f"{skink.name}-{skink.version}"}
    for folder in SETS:
        engine = manifest.load(folder).manifest.engine
        assert folder.name == f"{engine.name}-{engine.version}"


def test_what_is_built_records_the_set_of_its_version_byte_for_byte() -> None:
    """Where this fails skink writes something else than it did: see docs/formats.md, "The sets of skink"."""
    skink = Engine.load("skink")
    golden = manifest.load(GOLDEN / f"{skink.name}-{skink.version}")
    again = record(Request("skink", note=golden.manifest.note))
    assert again.manifest == golden.manifest
    assert again.images == {field.name: golden.image(field) for field in golden.manifest.images}


@pytest.mark.parametrize("folder", SETS, ids=lambda path: path.name)
def test_this_build_holds_against_the_set_of_a_release(folder: Path, told: Told) -> None:
    code, found = told("golden", "check", folder)
    assert code == 0, [one for one in found["results"] if one["verdict"] not in ("same", "other")]
    assert found["checked"] == found["images"] == len(manifest.load(folder).manifest.images) > 40
    assert found["crash_states"] > 1000


@pytest.mark.parametrize("folder", SETS, ids=lambda path: path.name)
def test_real_littlefs_holds_against_the_set_of_a_release(folder: Path) -> None:
    found = list(check(manifest.load(folder), "littlefs"))
    assert [one for one in found if not one.holds] == []


@pytest.mark.parametrize("folder", SETS, ids=lambda path: path.name)
def test_a_set_is_small_and_covers_the_format(folder: Path) -> None:
    golden = manifest.load(folder)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 300_000
    covers = {feature for field in golden.manifest.images for feature in field.covers}
    for step in ("append", "compaction", "split", "drop", "new dictionary", "dictionary gone", "relocation"):
        for how in (
            "after a prog of a block: newest",
            "after an erase of a block: free",
            "in half a prog",
            "in a prog with a gap",
        ):
            assert any(feature.startswith(f"mid-{step}: {how}") for feature in covers), (step, how)
    assert {
        "state: a value is moving", "state: a dictionary is moving", "state: orphans to look for",
        "pair: an orphan on the list", "pair: the other block holds no valid commit",
        "log: a torn commit behind it", "log: the forward checksum differs",
        "dictionary: three pairs or more", "value: 4 blocks",
        "value: 9 blocks or more", "tag: a hard tail", "tag: a checksum of a value",
        "version: 2.0", "version: 2.1",
    } <= covers  # fmt: skip
    assert golden.manifest.absent is not None
    assert covers & KNOWN == KNOWN - set(golden.manifest.absent)
    made = {
        (field.made.kind, field.options.disk_minor, field.options.value_checks)
        for field in golden.manifest.images
    }
    assert {("clean", 0, 0), ("cut", 0, 0), ("torn", 0, 0), ("clean", 1, 0), ("clean", 0, 1)} <= made


@pytest.mark.parametrize("folder", SETS, ids=lambda path: path.name)
def test_the_independent_reader_sees_in_a_set_what_it_holds(folder: Path) -> None:
    golden = manifest.load(folder)
    for field in golden.manifest.images:
        rows = read_image(golden.image(field), field.geometry.block_size).entries()
        shown = manifest.holding(row for row in rows)  # type: ignore[arg-type]
        assert shown in [golden.holding(number) for number in (field.holds, *field.allowed)], field.name


_ATTRIBUTE = "the engine ABI has no operation for attributes: see attributes_by_skink"
_CHAIN = "skink keeps a chain of superblocks, and makes none: see superblock_chain_grown"

#: Structures that no run of skink's as an engine leaves, each with why, and the kept image that has it.
NOT_BY_ITS_OPERATIONS = {
    "attribute: of a dictionary": _ATTRIBUTE,
    "attribute: of a value": _ATTRIBUTE,
    "attribute: of the root": _ATTRIBUTE,
    "tag: a foreign attribute": _ATTRIBUTE,
    "tag: an attribute that is gone": _ATTRIBUTE,
    "value: without a time": "an engine always has a clock: see attributes_by_skink",
    "superblock: a chain": _CHAIN,
    "superblock: one of the chain has another block count": _CHAIN,
    "name: no struct yet": "skink makes name and struct in one commit: see name_without_struct",
}


def of_kept_images(name: str = "*") -> set[str]:
    """The structures in images of tests/golden/make.py."""
    found: set[str] = set()
    for path in GOLDEN.glob(f"{name}.img.xz"):
        facts = json.loads(path.with_name(path.name.replace(".img.xz", ".json")).read_text())
        found |= shown(lzma.decompress(path.read_bytes()), facts["block_size"]) or set()
    return found


def test_every_structure_that_skink_writes_is_in_its_set() -> None:
    skink = Engine.load("skink")
    listed = coverage(manifest.load(GOLDEN / f"{skink.name}-{skink.version}"))
    assert listed.others == {}
    assert set(listed.absent) == set(NOT_BY_ITS_OPERATIONS)


def test_what_skink_does_not_write_is_in_another_kept_image() -> None:
    for structure, why in NOT_BY_ITS_OPERATIONS.items():
        assert structure in of_kept_images(why.rpartition("see ")[2]), structure


def test_every_structure_of_the_format_is_in_a_kept_image() -> None:
    found = of_kept_images()
    for folder in SETS:
        listed = coverage(manifest.load(folder))
        assert listed.absent == manifest.load(folder).manifest.absent
        found |= {name for name, images in listed.structures.items() if images}
    assert found == KNOWN


def test_every_tag_of_the_page_of_the_format_is_a_known_structure(root: Path) -> None:
    """The tables of tags in docs/format.md against what images are searched for."""
    page = (root / "docs/format.md").read_text(encoding="utf-8")
    types = {int(found, 16) for found in re.findall(r"0x[0-7][0-9a-f]{2}(?=[ ,])", tables(page))}
    assert {0x001, 0x0FE, 0x202, 0x401, 0x500, 0x501, 0x5FF, 0x601, 0x7FF} <= types
    added = {0x300 + int(found, 16) for found in re.findall(r"^\| 0x(7[0-9a-f]) \|", page, re.M)}
    assert added == {0x374, 0x376}
    assert types | added == set(TAGS)


def tables(page: str) -> str:
    """Of the tables of a page the first columns."""
    return "\n".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| 0x"))


def test_the_list_of_structures_names_the_images_that_have_them(told: Told, capfd: Any) -> None:
    (folder, *_) = SETS
    code, facts = told("golden", "show", folder)
    assert code == 0
    golden = manifest.load(folder)
    seen = {
        field.name: shown(golden.image(field), field.geometry.block_size) for field in golden.manifest.images
    }
    for name, images in facts["structures"].items():
        assert images == [image for image, features in seen.items() if name in (features or ())]
    assert facts["moments"]["mid-split: after an erase of a block: free"]
    assert main(["golden", "show", str(folder), "--all"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert f"  superblock: a chain: {'NONE'}" in lines
    assert any(line.startswith("  tag: a hard tail: ") and line.count(",") > 20 for line in lines)


# --- recording -----------------------------------------------------------------------------------------


def test_the_same_build_records_the_same_bytes(small: Recorded, tmp_path: Path) -> None:
    again = record(SMALL)  # in another process
    for name, made in (("one", small), ("other", again)):
        write(made, tmp_path / name)
    sides = [
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "other")
    ]
    assert len(sides[0]) > 20
    assert sides[0] == sides[1]


def test_the_chosen_images_show_all_that_any_cut_shows(small: Recorded) -> None:
    assert small.covered == small.features > 100
    assert len(small.images) < small.candidates / 4
    assert len({field.sha256 for field in small.manifest.images}) == len(small.images)
    capped = record_here(Request("skink", SMALL.geometries, SMALL.variants, images_max=5), no_beat)  # type: ignore[arg-type]
    assert len(capped.images) == 5
    assert capped.covered < capped.features


def test_the_choice_is_greedy_and_names_what_each_image_adds() -> None:
    class Fake:
        def __init__(self, *features: str) -> None:
            self.features = frozenset(features)

    chosen = choose([Fake("a"), Fake("a", "b", "c"), Fake("c", "d"), Fake("d")], 9)  # type: ignore[list-item]
    assert [sorted(adds) for _, adds in chosen] == [["a", "b", "c"], ["d"]]


def test_a_manifest_follows_its_schema_and_is_read_back(small: Recorded, tmp_path: Path, root: Path) -> None:
    write(small, tmp_path)
    text = (tmp_path / manifest.MANIFEST).read_text()
    jsonschema.Draft202012Validator(manifest.schema()).validate(json.loads(text))
    assert json.loads((root / "docs/golden.schema.json").read_text()) == manifest.schema()
    golden = manifest.load(tmp_path)
    assert golden.manifest == small.manifest
    assert {field.name: golden.image(field) for field in golden.manifest.images} == small.images


def test_an_engine_of_another_format_is_recorded_and_held(tmp_path: Path, told: Told) -> None:
    code, made = told(
        "golden", "record", tmp_path, "--engine", "ditto", "--block-size", 512, "--block-count", 64
    )
    assert code == 0
    assert made["absent"] is None
    assert made["covered"] == made["features"] > 15
    assert {"clean", "cut", "torn"} <= set(made["kinds"])
    code, found = told("golden", "check", tmp_path)
    assert (code, found["verdicts"]) == (0, {"same": made["images"]})
    golden = manifest.load(tmp_path)
    with pytest.raises(ImageError):
        read_image(golden.image(golden.manifest.images[0]))


def test_an_engine_that_gives_up_on_a_bad_block_is_recorded_without_its_images() -> None:
    ditto, device = Engine.load("ditto"), Geometry(16, 16, 512, 64, 0xFF)
    made = record_here(Request("ditto", (device,), (DEFAULTS,)), no_beat)  # type: ignore[arg-type]
    (last,) = [one for one in workloads(ditto, Request("ditto", (device,), (DEFAULTS,))) if one.failing]
    with ditto.record(device, last.operations, failing=last.failing) as run:
        assert "IO" in {run.code(index) for index in range(len(last.operations))}
    assert made.manifest.images
    assert not [field.name for field in made.manifest.images if field.name.startswith("worn")]


def test_a_set_of_another_build_is_not_lost(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    device = ("--block-size", "512", "--block-count", "64", "--images", "2")
    assert main(["golden", "record", str(tmp_path), "--engine", "ditto", *device]) == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    capfd.readouterr()
    assert main(["golden", "record", str(tmp_path), *device]) == 2
    assert "holds what ditto 0.1.0 wrote" in capfd.readouterr().err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert main(["golden", "record", str(tmp_path), "--engine", "ditto", *device]) == 0
    assert main(["golden", "record", str(tmp_path), "--force", *device]) == 0
    assert manifest.load(tmp_path).manifest.engine.name == "skink"


def test_recording_anew_takes_away_the_images_that_are_no_longer_in_the_set(
    toy_sets: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "set"
    shutil.copytree(toy_sets["V1"], folder)
    (folder / "mine.img.xz").write_bytes(b"not of the set")
    golden = manifest.load(folder)
    images = {field.name: golden.image(field) for field in golden.manifest.images[:2]}
    golden.manifest.images[2:] = []
    manifest.save(folder, golden.manifest, images)
    assert {path.name for path in folder.iterdir()} == {
        "golden.json", "mine.img.xz", *(f"{name}.img.xz" for name in images),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--engine", f"{TOY}:V1Forgets", "--block-size", "1024", "--block-count", "32"],
            "is no build to record",
        ),
        (["--engine", f"{TOY}:Nobody"], "Cannot use"),
        (["--engine", "nobody"], "There is no built-in engine nobody"),
        (["--block-size", "16", "--block-count", "2"], "takes none of the devices"),
        (["--options", "colour=red"], "engine option"),
        (["--options", "disk_minor=9"], "takes none of the devices"),
    ],
)
def test_what_cannot_be_recorded_is_told_in_one_sentence(
    arguments: list[str], words: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["golden", "record", str(tmp_path / "set"), *arguments]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert words in line
    assert not (tmp_path / "set").exists()


# --- checking ------------------------------------------------------------------------------------------


def verdicts(folder: Path, engine: str, **options: Any) -> dict[str, list[Checked]]:
    """Of the last images of a set alone: an engine in Python is slow."""
    golden = manifest.load(folder)
    golden.manifest.images[:-3] = []
    found: dict[str, list[Checked]] = {}
    for one in check(golden, f"{TOY}:{engine}", **options):
        found.setdefault(one.verdict, []).append(one)
    return found


@pytest.mark.parametrize(
    ("writer", "reader"), [("V1", "V1"), ("V1", "V2"), ("V2", "V2"), ("V1", "V1Careless")]
)
def test_builds_that_read_a_set_hold(toy_sets: dict[str, Path], writer: str, reader: str) -> None:
    assert set(verdicts(toy_sets[writer], reader)) == {"same"}


def test_a_build_that_refuses_a_set_is_told_with_its_code(toy_sets: dict[str, Path]) -> None:
    found = verdicts(toy_sets["V2"], "V1")
    assert {one.code for one in found["refused"]} == {"UNSUPPORTED"}
    assert not found["refused"][0].holds


def test_a_build_that_misreads_a_set_is_caught_key_by_key(toy_sets: dict[str, Path]) -> None:
    found = verdicts(toy_sets["V2"], "V1Careless")
    assert any('"ab"' in line or '"v3"' in line for one in found["different"] for line in one.lines)
    assert not any(one.holds for one in found["different"])


def test_a_build_that_dies_or_hangs_is_contained(
    toy_sets: dict[str, Path],
) -> None:
    for engine, kind, how in (("V1Dies", "crash", "SIGABRT"), ("V1Hangs", "hang", "nothing happened")):
        golden = manifest.load(toy_sets["V2"])
        golden.manifest.images[2:] = []
        found = list(check(golden, f"{TOY}:{engine}", hang_seconds=1.0))
        assert {one.verdict for one in found} == {kind}
        assert how in found[0].words


def test_a_build_that_reads_right_and_writes_wrong_is_caught(toy_sets: dict[str, Path]) -> None:
    found = verdicts(toy_sets["V1"], "V2ReadOnly")
    assert set(found) == {"violation"}
    assert "READ_ONLY" in found["violation"][0].words


def test_the_command_says_what_does_not_hold(
    toy_sets: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["golden", "check", str(toy_sets["V2"]), "--engine", f"{TOY}:V1"]) == 1
    lines = capfd.readouterr().out.splitlines()
    assert lines[-1] == "NOT held"
    assert any(line.endswith("refused: mount answers UNSUPPORTED") for line in lines)


def test_an_image_is_taken_out_of_a_set(toy_sets: dict[str, Path], tmp_path: Path, capfd: Any) -> None:
    folder = toy_sets["V1"]
    field = manifest.load(folder).manifest.images[0]
    assert main(["golden", "extract", str(folder)]) == 0
    assert f"{field.name}: {field.made.words}" in capfd.readouterr().out.splitlines()
    assert main(["golden", "extract", str(folder), field.name, "-o", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out").read_bytes() == manifest.load(folder).image(field)
    assert main(["golden", "extract", str(folder), "nobody"]) == 2


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "golden.json").unlink(), "is no golden set"),
        (lambda folder: (folder / "golden.json").write_text("{"), "is damaged"),
        (lambda folder: edit(folder, version=2), "a newer powercut is needed"),
        (lambda folder: edit(folder, format="powercut-trace"), "is damaged"),
        (lambda folder: edit(folder, colour="red"), "is damaged"),
        (lambda folder: edit(folder, entries=[]), "an entry that is not there"),
        (lambda folder: edit(folder, contents=[]), "a store that is not there"),
        (lambda folder: edit(folder, images=[]), "has no images"),
        (lambda folder: edit(folder, images=images(folder)[:1] * 2), "one name"),
        (lambda folder: edit(folder, entries=entries(folder, key="%zz")), "hex digits"),
        (lambda folder: edit(folder, entries=entries(folder, key="%61")), "not spelt"),
        (lambda folder: edit(folder, entries=entries(folder, time=[1, 2**62])), "picoseconds into the day"),
        (lambda folder: edit(folder, entries=entries(folder, kind="value", sha256=None)), "no SHA-256"),
        (lambda folder: double(folder, "version"), "'version' twice"),
        (lambda folder: shutil.copy(first_image(folder), folder / "more.img.xz"), "more.img.xz is not in"),
        (lambda folder: first_image(folder).write_bytes(b"no xz"), "cannot be unpacked"),
        (lambda folder: shutil.copy(*sorted(folder.glob("*.xz"))[:0:-1][:1], first_image(folder)), "SHA-256"),
        (lambda folder: first_image(folder).unlink(), "Cannot read"),
    ],
)
def test_a_damaged_set_is_told_in_one_sentence(
    damage: Callable[[Path], object], words: str, toy_sets: dict[str, Path], tmp_path: Path, capfd: Any
) -> None:
    folder = tmp_path / "set"
    shutil.copytree(toy_sets["V1"], folder)
    damage(folder)
    assert main(["golden", "check", str(folder)]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert words in line


def edit(folder: Path, **fields: object) -> None:
    text = json.loads((folder / "golden.json").read_text())
    (folder / "golden.json").write_text(json.dumps(text | fields))


def double(folder: Path, name: str) -> None:
    """Has the manifest say one of its numbers twice."""
    text = (folder / "golden.json").read_text()
    (folder / "golden.json").write_text(text.replace(f'"{name}": 1,', f'"{name}": 1, "{name}": 1,', 1))


def images(folder: Path) -> list[Any]:
    return list(json.loads((folder / "golden.json").read_text())["images"])


def entries(folder: Path, **fields: object) -> list[Any]:
    """The entries of the set, the first of them with other fields."""
    first, *others = json.loads((folder / "golden.json").read_text())["entries"]
    return [first | fields, *others]


def first_image(folder: Path) -> Path:
    return min(folder.glob("*.xz"))


def test_a_set_that_is_damaged_is_not_written_over(toy_sets: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "golden.json").write_text("precious")
    with pytest.raises(PowercutError):
        manifest.save(tmp_path, manifest.load(toy_sets["V1"]).manifest, {})
    assert (tmp_path / "golden.json").read_text() == "precious"


def test_options_are_typed_as_the_docs_say(tmp_path: Path) -> None:
    from powercut.options import options_text, parse_options

    assert parse_options("") == EngineOptions()
    given = parse_options("disk_minor=2.0, value_checks=on,name_max=64")
    assert given == EngineOptions(name_max=64, disk_minor=1, value_checks=1)
    assert options_text(given) == "disk_minor=2.0,value_checks=on,name_max=64"
    assert options_text(EngineOptions()) == ""
    for wrong in ("disk_minor", "disk_minor=two", "value_checks=maybe", "name_max=-1", "x=1"):
        with pytest.raises(PowercutError):
            parse_options(wrong)


# --- builds of skink that do something else ------------------------------------------------------------


def checked(engine: str, **where: str) -> dict[str, Checked]:
    """By name, the images of skink's set for which `made` is as it is asked."""
    golden = manifest.load(SETS[-1])
    wanted = [
        field
        for field in golden.manifest.images
        if all(str(getattr(field.made, name)).startswith(value) for name, value in where.items())
    ]
    assert wanted
    golden.manifest.images[:] = wanted
    return {
        one.name: one
        for one in (
            check_here(Task(engine, DEFAULTS, golden, index), no_beat) for index in range(len(wanted))
        )  # type: ignore[arg-type]
    }


def test_a_build_that_shows_what_has_moved_is_told_key_by_key(mutant: Callable[[str], str]) -> None:
    found = checked(mutant("16-moved-source-not-hidden"), workload="moves")
    bad = [one for one in found.values() if one.verdict == "different"]
    assert bad
    assert all(one.words == "what is read is not what the image held" for one in bad)
    assert any("expected nothing, found " in line for one in bad for line in one.lines)


def test_a_build_that_no_longer_says_what_is_pending_is_told_with_the_cut(
    mutant: Callable[[str], str], capfd: Any
) -> None:
    library = mutant("13-move-not-pending")
    capfd.readouterr()
    assert main(["golden", "check", str(SETS[-1]), "--engine", library]) == 1
    lines = capfd.readouterr().out.splitlines()
    assert lines[-1] == "NOT held"
    told = [line for line in lines if "): violation: content: Power cut after device event " in line]
    assert told
    assert all(", during operation " in line and "(rename " in line for line in told)
    assert ": expected " in lines[lines.index(told[0]) + 1]
    assert any(line.endswith(" read right and go wrong after that") for line in lines)
