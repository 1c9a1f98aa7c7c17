# SPDX-License-Identifier: ISC
"""`powercut check`: sound images are called sound, damage is found, repair loses nothing readable."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from powercut.cli import main
from powercut_models.image import ImageError, read_image
from powercut_models.salvage import salvage

Check = Callable[..., tuple[int, str, str]]
INVARIANT = re.compile(r"^I\d+$")
#: Seconds for one image; each takes some hundredths.
PATIENCE = 10


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """Runs a command; (exit code, standard output, standard error)."""

    def run(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        begin = time.monotonic()
        code = main([str(word) for word in words])
        assert time.monotonic() - begin < PATIENCE, words
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return run


@pytest.fixture
def image(tmp_path: Path, check: Check) -> Path:
    """An image with a dictionary, an inline value, one in blocks; sizes 5, 3000 and 900 bytes."""
    path = tmp_path / "disk.img"
    assert check("format", path, "--block-size", 512, "--block-count", 32)[0] == 0
    for key, size in (("a", 5), ("d/big", 3000), ("d/e/other", 900)):
        (tmp_path / "value").write_bytes(content(key, size))
        assert check("put", path, key, tmp_path / "value", "--time", "20000:7")[0] == 0
    return path


def content(key: str, size: int) -> bytes:
    return (key.encode() * size)[:size]


def values(path: Path) -> dict[bytes, tuple[bytes | None, object, object]]:
    found = read_image(path.read_bytes()).entries()
    return {entry.key: (entry.data, entry.time, entry.attrs) for entry in found}


def assert_readable_by_littlefs(path: Path) -> None:
    """Real littlefs mounts the image and reads every value that the independent reader reads."""
    littlefs = pytest.importorskip("littlefs", reason="NOT RUN: littlefs-python is not installed")
    image = read_image(path.read_bytes())
    block_size = image.superblock.block_size
    context = littlefs.UserContext(len(path.read_bytes()))
    context.buffer[:] = path.read_bytes()
    filesystem = littlefs.LittleFS(
        context, block_size=block_size, block_count=image.superblock.block_count, mount=True, name_max=0
    )
    for entry in image.entries():
        if entry.kind == "value":
            with filesystem.open("/" + entry.key.decode("utf-8", "surrogateescape"), "rb") as file:
                assert file.read() == entry.data, entry.key


def test_a_sound_image_is_called_sound_and_left_alone(check: Check, image: Path) -> None:
    before = image.read_bytes()
    assert check("check", image) == (0, "sound\n", "")
    code, out, _ = check("check", image, "--json", "--repair")
    assert code == 0
    found = {"sound": True, "pending": False, "findings": [], "repaired": None}
    assert json.loads(out).items() >= found.items()
    assert image.read_bytes() == before
    assert not image.with_name("disk.img.repaired").exists()


def test_every_image_that_littlefs_wrote_is_sound_and_stays_so_when_settled(
    check: Check, corpus: Path, tmp_path: Path
) -> None:
    paths = sorted((corpus / "littlefs").glob("*.img"))
    assert paths
    settled = 0
    for path in paths:
        target = tmp_path / f"{path.stem}.new"
        code, out, _ = check("check", path, "--json", "--repair", "-o", target)
        report = json.loads(out)
        assert (code, report["findings"]) == (0, []), path.name
        assert target.exists() == report["pending"], path.name
        if report["pending"]:
            settled += 1
            assert check("check", target) == (0, "sound\n", ""), path.name
            assert values(target) == values(path), path.name
            assert_readable_by_littlefs(target)
    assert settled > 5


def damage_value(image: Path) -> None:
    """Turns a pointer in the last block of d/big into one that leads nowhere."""
    data = bytearray(image.read_bytes())
    found = [tag for pair in read_image(bytes(data)).pairs for slot in pair.slots if slot.name == b"big"
             for tag in [slot.struct] if tag is not None]  # fmt: skip
    head = int.from_bytes(found[0].data[:4], "little")
    data[head * 512 : head * 512 + 4] = (9999).to_bytes(4, "little")
    image.write_bytes(data)


def test_a_damaged_value_is_found_by_key_and_all_else_is_saved(check: Check, image: Path) -> None:
    before = values(image)
    damage_value(image)
    code, out, _ = check("check", image, "--json")
    assert code == 1
    assert {"I24"} == {item["invariant"] for item in json.loads(out)["findings"] if item["key"] == "d/big"}
    damaged = image.read_bytes()
    code, out, _ = check("check", image, "--repair", "--json")
    assert (code, image.read_bytes()) == (1, damaged)
    report = json.loads(out)["repaired"]
    assert [item["key"] for item in report["lost"]] == ["d/big"]
    repaired = image.with_name("disk.img.repaired")
    assert check("check", repaired) == (0, "sound\n", "")
    assert values(repaired) == {key: entry for key, entry in before.items() if key != b"d/big"}
    assert_readable_by_littlefs(repaired)


def test_in_place_takes_the_place_of_the_image(check: Check, image: Path) -> None:
    damage_value(image)
    assert check("check", image, "--repair", "--in-place")[0] == 1
    assert check("check", image) == (0, "sound\n", "")
    assert sorted(path.name for path in image.parent.iterdir()) == ["disk.img", "value"]


def test_a_dictionary_that_cannot_be_read_is_named_and_the_others_are_saved(
    check: Check, image: Path
) -> None:
    data = bytearray(image.read_bytes())
    pair = next(
        pair for pair in read_image(bytes(data)).pairs if any(slot.name == b"other" for slot in pair.slots)
    )
    for block in pair.blocks:
        data[block * 512 : (block + 1) * 512] = bytes(512)
    image.write_bytes(data)
    code, out, _ = check("check", image, "--repair", "--json")
    assert code == 1
    report = json.loads(out)
    assert [item["key"] for item in report["repaired"]["lost"]] == ["d/e"]
    found = values(image.with_name("disk.img.repaired"))
    assert found[b"a"][0] == content("a", 5)
    assert found[b"d/big"][0] == content("d/big", 3000)


@pytest.mark.parametrize("folder", ["littlefs-bad", "chamelon", "chamelon-quirks"])
def test_whatever_can_be_read_of_a_damaged_image_is_in_the_repaired_one(
    check: Check, corpus: Path, tmp_path: Path, folder: str
) -> None:
    counts = {0: 0, 1: 0, 2: 0}
    for path in sorted((corpus / folder).glob("*.img")):
        image = tmp_path / path.name
        shutil.copy(path, image)
        repaired = image.with_name(f"{path.name}.repaired")
        code, out, err = check("check", image, "--json", "--repair")
        counts[code] += 1
        assert image.read_bytes() == path.read_bytes(), path.name
        if code == 2:
            assert err.count("\n") == 1, err
            assert not repaired.exists()
            continue
        assert_sensible(json.loads(out), code)
        if code == 1:
            assert check("check", repaired)[0] == 0, path.name
            assert_readable_by_littlefs(repaired)
            assert_nothing_is_lost_in_silence(path.read_bytes(), repaired, json.loads(out)["repaired"])
    assert sum(counts.values()) > 0
    assert counts[1] > 0


def assert_sensible(report: dict[str, Any], code: int) -> None:
    assert report["sound"] == (code == 0)
    for finding in report["findings"]:
        assert INVARIANT.match(finding["invariant"])
        assert finding["sentence"]


def assert_nothing_is_lost_in_silence(data: bytes, repaired: Path, report: dict[str, Any]) -> None:
    lost = {item["key"] for item in report["lost"]}
    found = values(repaired)
    for entry in salvage(data).entries:
        shown = entry.key.decode("utf-8", "replace")
        if not lost.isdisjoint({shown}):
            continue
        assert entry.key in found, entry.key
        assert found[entry.key][:2] == (entry.data, entry.time), entry.key


def test_random_damage_never_surprises_and_what_is_repaired_is_sound(check: Check, image: Path) -> None:
    whole = image.read_bytes()
    before = {key: data for key, (data, *_) in values(image).items()}
    outcomes = set()
    for seed in range(60):
        state = sha256(b"damage %d" % seed).digest()
        data = bytearray(whole)
        for at in range(1 + state[0] % 3):
            place = int.from_bytes(state[1 + 4 * at : 5 + 4 * at], "little") % (16 * 512)
            data[place] ^= 1 << state[20 + at] % 8
        image.write_bytes(data)
        code, _, err = check("check", image, "--repair")
        outcomes.add(code)
        assert code in {0, 1} or err.count("\n") == 1, seed
        repaired = image.with_name("disk.img.repaired")
        if repaired.exists():
            assert check("check", repaired)[0] == 0, seed
            for key, (value, *_) in values(repaired).items():
                assert value is None or len(value) == len(before.get(key) or b""), (seed, key)
            repaired.unlink()
    assert 1 in outcomes


def test_a_salvage_of_a_sound_image_is_all_of_it(image: Path) -> None:
    found = salvage(image.read_bytes())
    assert found.problems == ()
    assert list(found.entries) == read_image(image.read_bytes()).entries()


@pytest.mark.parametrize("content_", [b"", b"no image", bytes(4096), b"\xff" * 4096])
def test_what_is_no_image_is_one_sentence(check: Check, tmp_path: Path, content_: bytes) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(content_)
    for words in (["check", path], ["check", path, "--repair"]):
        code, out, err = check(*words)
        assert (code, out, err.count("\n")) == (2, "", 1)
    with pytest.raises(ImageError):
        salvage(content_)


@pytest.mark.parametrize("words", [["--in-place"], ["-o", "x"], ["--repair", "--in-place", "-o", "x"]])
def test_options_that_do_not_go_together_are_one_sentence(
    check: Check, image: Path, words: list[str]
) -> None:
    code, _, err = check("check", image, *words)
    assert (code, err.count("\n")) == (2, 1)
