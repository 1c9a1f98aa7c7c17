# SPDX-License-Identifier: ISC
"""The everyday commands: what they do, what they answer, and that on bad input all stays as it was."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from powercut import moments
from powercut.cli import main


@dataclass(frozen=True)
class Outcome:
    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()


Command = Callable[..., Outcome]


@pytest.fixture
def powercut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Command:
    """Runs one command in an empty folder and gives its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(line: str, *more: str | Path, stdin: bytes = b"") -> Outcome:
        class Stdin:
            buffer = io.BytesIO(stdin)

        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", Stdin())
            code = main([*shlex.split(line), *map(str, more)])
        captured = capfdbinary.readouterr()
        return Outcome(code, captured.out, captured.err.decode())

    return run


@pytest.fixture
def image(powercut: Command, tmp_path: Path) -> Path:
    """A small image with a value `a/b` of the three bytes `one`."""
    assert powercut("format disk.img --block-size 512 --block-count 64").code == 0
    assert powercut("put disk.img a/b --time 20000:7", stdin=b"one").code == 0
    return tmp_path / "disk.img"


def assert_refused(outcome: Outcome, *words: str, code: int = 2) -> None:
    """One sentence on stderr that has these words in it, nothing on stdout, and the exit code.

    With --json the sentence is on stdout as well, as `error` of the object.
    """
    assert outcome.code == code, outcome
    if outcome.out:
        told = json.loads(outcome.out)
        assert (told["exit"], f"powercut: {told['error']}\n") == (code, outcome.err)
    lines = outcome.err.splitlines()
    assert len(lines) == 1, outcome.err
    assert lines[0].startswith("powercut: ")
    assert lines[0].endswith(".")
    for word in words:
        assert word in lines[0]


@pytest.fixture
def untouched(image: Path) -> Iterator[None]:
    """At the end of the test the image has the bytes that it had before, and no file lies beside it."""
    before = image.read_bytes()
    yield
    assert image.read_bytes() == before
    assert [path.name for path in image.parent.iterdir() if path.name.startswith(".")] == []


# --- what the commands do -------------------------------------------------------------------------------


def test_put_then_get_gives_the_same_bytes_for_every_kind_of_value(powercut: Command) -> None:
    powercut("format disk.img --block-size 512 --block-count 256")
    values = {f"v{size}": os.urandom(size) for size in (0, 1, 63, 64, 128, 511, 512, 513, 1024, 9000)}
    for key, value in values.items():
        assert powercut(f"put disk.img {key}", stdin=value) == Outcome(0, b"", "")
    for key, value in values.items():
        assert powercut(f"get disk.img {key}") == Outcome(0, value, "")


def test_put_reads_a_file_and_get_writes_one(powercut: Command, tmp_path: Path, image: Path) -> None:
    (tmp_path / "in").write_bytes(b"\0\xff\n")
    (tmp_path / "out").write_bytes(b"something longer that is replaced")
    assert powercut("put disk.img k in").code == 0
    assert powercut("get disk.img k --output out") == Outcome(0, b"", "")
    assert (tmp_path / "out").read_bytes() == b"\0\xff\n"
    assert powercut("put disk.img k -", stdin=b"in").code == 0
    assert powercut("get disk.img k").out == b"in"


def test_a_symbolic_link_stays_one_when_its_file_is_replaced(powercut: Command, image: Path) -> None:
    (image.parent / "target").write_bytes(b"old")
    for link, target in (("out", "target"), ("link.img", "disk.img")):
        (image.parent / link).symlink_to(target)
    assert powercut("get link.img a/b -o out").code == 0
    assert (image.parent / "target").read_bytes() == b"one"
    assert powercut("format link.img --block-count 16 --force").code == 0
    assert image.stat().st_size == 16 * 4096
    assert (image.parent / "out").is_symlink()
    assert (image.parent / "link.img").is_symlink()


def test_put_replaces_a_value(powercut: Command, image: Path) -> None:
    powercut("put disk.img a/b", stdin=b"two")
    assert powercut("get disk.img a/b").out == b"two"


def test_ls_json_tells_key_kind_size_digest_and_time(powercut: Command, image: Path) -> None:
    powercut("put disk.img c", "--time=2026-11-23T01:02:03.000000000004Z", stdin=b"four")
    listed = json.loads(powercut("ls -R --json disk.img").text)["entries"]
    assert listed == [
        {"key": "a", "kind": "dictionary", "size": None, "sha256": None, "time": None},
        {
            "key": "a/b",
            "kind": "value",
            "size": 3,
            "sha256": hashlib.sha256(b"one").hexdigest(),
            "time": {"days": 20000, "picoseconds": 7, "iso": "2024-10-04T00:00:00.000000000007Z"},
        },
        {
            "key": "c",
            "kind": "value",
            "size": 4,
            "sha256": hashlib.sha256(b"four").hexdigest(),
            "time": {
                "days": 20780,
                "picoseconds": 3723 * 10**12 + 4,
                "iso": "2026-11-23T01:02:03.000000000004Z",
            },
        },
    ]


def test_ls_shows_the_direct_entries_of_a_dictionary_with_their_whole_keys(
    powercut: Command, image: Path
) -> None:
    powercut("put disk.img a/d/e", stdin=b"")
    powercut("put disk.img ab", stdin=b"")
    names = [line.split()[-1] for line in powercut("ls disk.img /a/").text.splitlines()]
    assert names == ["a/b", "a/d/"]
    names = [line.split()[-1] for line in powercut("ls -R disk.img a").text.splitlines()]
    assert names == ["a/b", "a/d/", "a/d/e"]


def test_keys_of_any_bytes_are_typed_as_they_are_shown(powercut: Command, image: Path) -> None:
    key = "%01%FF%25 caf\u00e9"
    assert powercut("put disk.img", key, stdin=b"x").code == 0
    shown = [entry["key"] for entry in json.loads(powercut("ls --json disk.img").text)["entries"]]
    assert shown == [key, "a"]
    assert powercut("get disk.img", key).out == b"x"


def test_rm_removes_a_value_and_with_recursive_a_whole_dictionary(powercut: Command, image: Path) -> None:
    assert powercut("put disk.img a/c", stdin=b"").code == 0
    assert powercut("rm disk.img a/b").code == 0
    assert_refused(powercut("rm disk.img a"), "--recursive")
    assert powercut("rm -r disk.img a") == Outcome(0, b"", "")
    assert powercut("ls disk.img").out == b""


def test_rm_removes_an_empty_dictionary(powercut: Command, image: Path) -> None:
    powercut("rm disk.img a/b")
    assert powercut("rm disk.img a").code == 0
    assert powercut("ls disk.img").out == b""


def test_put_stamps_the_wall_clock(powercut: Command, image: Path) -> None:
    before = moments.now()
    powercut("put disk.img k", stdin=b"")
    after = moments.now()
    (entry,) = [
        item for item in json.loads(powercut("ls --json disk.img").text)["entries"] if item["key"] == "k"
    ]
    assert before <= (entry["time"]["days"], entry["time"]["picoseconds"]) <= after


def test_the_same_commands_at_the_same_times_give_the_same_bytes(powercut: Command, tmp_path: Path) -> None:
    for name in ("one.img", "two.img"):
        powercut(f"format {name} --block-size 512 --block-count 64")
        for number in range(20):
            powercut(f"put {name} d{number % 3}/k{number} --time {number}:{number}", stdin=bytes(number * 50))
    assert (tmp_path / "one.img").read_bytes() == (tmp_path / "two.img").read_bytes()


def test_parse_names_superblock_commits_and_keys(powercut: Command, image: Path) -> None:
    outcome = powercut("parse disk.img")
    assert outcome.code == 0
    for word in ("littlefs", "64 blocks of 512 bytes", "commit 1", "'b'"):
        assert word in outcome.text


def test_real_littlefs_reads_what_put_wrote(powercut: Command, image: Path) -> None:
    from littlefs import LittleFS, UserContext

    powercut("put disk.img big", stdin=bytes(range(256)) * 20)
    context = UserContext(buffsize=1)
    context.buffer = bytearray(image.read_bytes())
    filesystem = LittleFS(context=context, block_size=512, block_count=64, mount=True)
    with filesystem.open("/a/b", "rb") as file:
        assert file.read() == b"one"
    with filesystem.open("/big", "rb") as file:
        assert file.read() == bytes(range(256)) * 20


def test_ls_reads_every_image_that_littlefs_wrote(powercut: Command, corpus: Path) -> None:
    images = sorted((corpus / "littlefs").glob("*.img"))
    assert images
    for path in images:
        facts = json.loads(path.with_suffix(".json").read_text())
        expected = dict(facts.get("entries_recovered", facts["entries"]))
        expected.pop("/", None)  # the root itself, where it has attributes
        outcome = powercut("ls -R --json", path)
        assert outcome.code == 0, (path.name, outcome.err)
        found = {"/" + entry["key"]: entry for entry in json.loads(outcome.text)["entries"]}
        assert set(found) == {key.replace("%", "%25") for key in expected}, path.name
        for key, entry in expected.items():
            for field in ("kind", "size", "sha256"):
                assert found[key.replace("%", "%25")][field] == entry.get(field), (path.name, key)


@pytest.mark.parametrize("folder", ["littlefs", "littlefs-bad", "chamelon", "chamelon-quirks"])
def test_every_image_of_other_programs_is_served_or_refused_in_one_sentence(
    powercut: Command, corpus: Path, tmp_path: Path, folder: str
) -> None:
    images = sorted((corpus / folder).glob("*.img"))
    assert images
    copy = tmp_path / "copy.img"
    for path in images:
        content = path.read_bytes()
        copy.write_bytes(content)
        for line in ("ls -R --json copy.img", "parse copy.img", "get copy.img /no/such/key"):
            outcome = powercut(line)
            if line.startswith("parse") and outcome.code == 1:
                assert b"\nproblem: " in outcome.out
                assert outcome.err == ""
            elif outcome.code != 0:
                assert_refused(outcome, "copy.img", code=1 if "no key" in outcome.err else 2)
            assert copy.read_bytes() == content, (path.name, line)
        outcome = powercut("put copy.img new/key", stdin=bytes(600))
        if outcome.code == 0:
            assert powercut("get copy.img new/key").out == bytes(600), path.name
            assert powercut("rm -r copy.img new").code == 0, path.name
        else:
            assert_refused(outcome, "copy.img")


def test_an_image_on_a_larger_device_is_read_and_written(powercut: Command, image: Path) -> None:
    """The superblock says how many blocks belong to the store; the device may have more."""
    with image.open("ab") as file:
        file.write(b"\xff" * 512 * 10)
    assert powercut("get disk.img a/b").out == b"one"
    assert powercut("put disk.img c", stdin=b"two").code == 0
    assert powercut("get disk.img c").out == b"two"


# --- what cannot be: one sentence, exit code 2, everything as it was -----------------------------------


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("get disk.img a", ["a", "dictionary"]),
        ("get disk.img /", ["/", "dictionary"]),
        ("put disk.img a", ["a", "dictionary"]),
        ("put disk.img /", ["/", "dictionary"]),
        ("put disk.img a/b/c", ["a/b/c", "value"]),
        ("ls disk.img a/b", ["a/b", "value"]),
        ("ls -R disk.img a/b", ["a/b", "value"]),
        ("rm -r disk.img /", ["/"]),
        ("put disk.img a/../x", ["a/../x", ".."]),
        ("put disk.img x%00y", ["x%00y", "NUL"]),
        ("put disk.img x%zz", ["x%zz", "%25"]),
        (f"put disk.img {'n' * 1023}", ["n" * 1023, "longer"]),
        ("put disk.img k nothing-here", ["nothing-here"]),
        ("put disk.img k .", [".", "directory"]),
        ("put disk.img k --time yesterday", ["yesterday", "DAYS:PICOSECONDS"]),
        ("put disk.img k --time 1969-12-31", ["1969-12-31"]),
        ("get disk.img a/b -o no/such/folder", ["no/such/folder"]),
        ("get disk.img a/b -o disk.img", ["disk.img"]),
        ("get disk.img a/b -o /dev/null", ["/dev/null", "no regular file"]),
        ("get disk.img a/b -o .", [".", "directory"]),
        ("format /dev/null --block-count 16 --force", ["/dev/null", "no regular file"]),
        ("format disk.img --block-count 16", ["disk.img", "--force"]),
        ("ls disk.img --block-size 300", ["disk.img", "300"]),
        ("ls disk.img --block-size 512 --block-count 63", ["64", "63"]),
        ("ls disk.img --block-size 512 --block-count 65", ["disk.img", "truncated"]),
        ("ls disk.img --prog-size 24", ["disk.img", "prog 24"]),
        ("put disk.img k --prog-size 1024", ["disk.img", "prog 1024"]),
        ("ls disk.img --block-size 0", ["--block-size"]),
        ("ls disk.img --block-size huge", ["--block-size", "huge"]),
        ("ls disk.img --no-such-option", ["--no-such-option"]),
        ("ls", ["IMAGE"]),
        ("frobnicate disk.img", ["frobnicate"]),
        ("ls no.img", ["no.img", "No such file"]),
        ("put no.img k", ["no.img", "No such file"]),
        ("parse no.img", ["no.img", "No such file"]),
        ("ls .", [".", "directory"]),
        ("ls /dev/null", ["/dev/null"]),
        ("format . --block-count 16 --force", [".", "directory"]),
        ("format new.img --block-count 1", ["new.img", "2"]),
        ("format new.img --block-count 16 --block-size 64", ["new.img", "128"]),
        ("format new.img --block-count 16 --block-size 512 --prog-size 100", ["new.img", "prog 100"]),
        ("format new.img --block-count 16 --block-size 512 --name-max 1000", ["new.img", "208"]),
        ("format no/new.img --block-count 16", ["no/new.img", "No such file"]),
        ("format new.img", ["--block-count"]),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_the_image_alone(
    powercut: Command, tmp_path: Path, line: str, words: list[str]
) -> None:
    assert_refused(powercut(line, stdin=b"new"), *words)
    assert not (tmp_path / "new.img").exists()


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "line", ["get disk.img x", "get disk.img a/x", "ls disk.img x", "ls -R disk.img x", "rm disk.img x"]
)
def test_a_missing_key_is_exit_code_1(powercut: Command, line: str) -> None:
    assert_refused(powercut(line), "disk.img", code=1)


@pytest.mark.usefixtures("untouched")
def test_rm_force_takes_a_missing_key_for_done(powercut: Command) -> None:
    assert powercut("rm -f disk.img x") == Outcome(0, b"", "")


@pytest.mark.parametrize("command", ["ls", "get", "put", "rm", "parse"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty", b""),
        ("text", b"this is no image at all, but a text of some length\n" * 50),
        ("zeros", bytes(4096)),
        ("erased", b"\xff" * 4096),
    ],
)
def test_a_foreign_file_is_refused_and_left_alone(
    powercut: Command, tmp_path: Path, command: str, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    key = [] if command in {"ls", "parse"} else ["key"]
    assert_refused(powercut(command, path, *key), name)
    assert path.read_bytes() == content


@pytest.mark.parametrize("command", ["ls", "get", "put", "rm"])
@pytest.mark.parametrize("length", [1, 100, 512, 1000, 1024, 512 * 63, 512 * 64 - 1])
def test_a_truncated_image_is_refused_and_left_alone(
    powercut: Command, image: Path, command: str, length: int
) -> None:
    os.truncate(image, length)
    before = image.read_bytes()
    key = [] if command == "ls" else ["a/b"]
    assert_refused(powercut(command, image, *key, stdin=b"new"), "disk.img")
    assert image.read_bytes() == before


@pytest.mark.parametrize("length", [512, 700, 1023])
def test_an_image_of_less_than_two_blocks_is_told_as_that(
    powercut: Command, image: Path, length: int
) -> None:
    os.truncate(image, length)
    assert_refused(powercut("parse", image), f"its {length} bytes are less than two blocks of 512")
    whole = image.with_name("whole.img")
    powercut("format", whole, "--block-size", "512", "--block-count", "8")
    for pair in ((image, whole), (whole, image)):
        assert_refused(
            powercut("image", "diff", *pair), f"its {length} bytes are less than two blocks of 512"
        )


@pytest.mark.parametrize("command", ["parse", "check", "image diff"])
def test_an_image_that_memory_does_not_hold_is_refused_at_once(
    powercut: Command, image: Path, command: str
) -> None:
    huge = image.with_name("huge.img")
    huge.touch()
    os.truncate(huge, 20 << 30)
    others = [image] if command == "image diff" else []
    assert_refused(powercut(*command.split(), *others, huge), "huge.img has 21,474,836,480 bytes")


@pytest.mark.parametrize("command", ["put", "rm", "format", "ls"])
@pytest.mark.usefixtures("untouched")
def test_an_image_in_use_is_refused(powercut: Command, image: Path, command: str) -> None:
    arguments = {"format": ["--block-count", "16", "--force"], "ls": []}.get(command, ["k"])
    with image.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert_refused(powercut(command, image, *arguments, stdin=b"new"), "disk.img", "in use")


@pytest.mark.usefixtures("untouched")
def test_two_readers_share_an_image_and_keep_a_writer_out(powercut: Command, image: Path) -> None:
    with image.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert powercut("get disk.img a/b").out == b"one"
        assert_refused(powercut("put disk.img a/b", stdin=b"new"), "in use")


@pytest.mark.parametrize("command", ["put", "ls", "format"])
@pytest.mark.usefixtures("untouched")
def test_no_permission_is_one_sentence(powercut: Command, image: Path, command: str) -> None:
    image.chmod(0o000)
    image.parent.chmod(0o500)
    arguments = {"format": ["--block-count", "16", "--force"], "ls": []}.get(command, ["k"])
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)  # the superuser may read and write everything
        outcome = powercut(command, image, *arguments, stdin=b"new")
    finally:
        os.seteuid(user)
        image.parent.chmod(0o700)
        image.chmod(0o644)
    assert_refused(outcome, "disk.img", "Permission denied")


def in_a_process(
    folder: Path, line: str, stdin: bytes = b"", limit: int | None = None
) -> subprocess.CompletedProcess[bytes]:
    """`python -m powercut` in a folder, files there limited to `limit` bytes."""

    def before() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(
        [sys.executable, "-m", "powercut", *shlex.split(line)],
        cwd=folder,
        input=stdin,
        capture_output=True,
        check=False,
        timeout=60,
        preexec_fn=before,
    )


def outcome_of(process: subprocess.CompletedProcess[bytes]) -> Outcome:
    return Outcome(process.returncode, process.stdout, process.stderr.decode())


def test_format_without_room_leaves_no_file(tmp_path: Path) -> None:
    process = in_a_process(tmp_path, "format disk.img --block-count 64", limit=100_000)
    assert_refused(outcome_of(process), "disk.img")
    assert list(tmp_path.iterdir()) == []


def test_get_without_room_leaves_the_old_output(powercut: Command, image: Path) -> None:
    powercut("put disk.img big", stdin=bytes(9000))
    (image.parent / "out").write_bytes(b"old")
    process = in_a_process(image.parent, "get disk.img big -o out", limit=5000)
    assert_refused(outcome_of(process), "out")
    assert sorted(path.name for path in image.parent.iterdir()) == ["disk.img", "out"]
    assert (image.parent / "out").read_bytes() == b"old"


# A file system of 64 KiB in a namespace of its own, with an image of 2 MiB in it that is nearly all hole.
FULL_DISK = """
mkdir full && mount -t tmpfs -o size=64k none full || exit 99
head -c 1024 big.img >full/sparse.img && truncate -s 2M full/sparse.img && cp full/sparse.img before.img
"$0" -m powercut put full/sparse.img k <value
code=$?
cmp full/sparse.img before.img && exit $code
"""


def test_a_full_disk_under_an_image_with_holes_is_told_before_the_first_write(
    powercut: Command, image: Path
) -> None:
    powercut("format big.img --block-size 512 --block-count 4096")
    (image.parent / "value").write_bytes(bytes(9000))
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", FULL_DISK, sys.executable]
    if shutil.which("unshare") is None:
        pytest.skip("NOT RUN: there is no unshare(1) to make a full disk with")
    process = subprocess.run(command, cwd=image.parent, capture_output=True, check=False, timeout=60)
    if process.returncode in {1, 99} and b"powercut" not in process.stderr:
        pytest.skip(f"NOT RUN: a full disk cannot be made here: {process.stderr.decode().strip()}")
    assert_refused(outcome_of(process), "full/sparse.img", "No space left")


def test_a_full_image_says_so_and_keeps_what_it_has(powercut: Command, tmp_path: Path) -> None:
    powercut("format disk.img --block-size 512 --block-count 8")
    powercut("put disk.img k", stdin=b"kept")
    assert_refused(powercut("put disk.img big", stdin=bytes(8000)), "disk.img", "no room")
    assert [entry["key"] for entry in json.loads(powercut("ls --json disk.img").text)["entries"]] == ["k"]
    assert powercut("get disk.img k").out == b"kept"


def test_ctrl_c_while_put_waits_for_input_is_exit_code_130(powercut: Command, image: Path) -> None:
    before = image.read_bytes()
    process = subprocess.Popen(
        [sys.executable, "-m", "powercut", "put", "disk.img", "k"],
        cwd=image.parent,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert image.read_bytes() == before


def test_a_reader_that_goes_away_is_exit_code_141_without_a_word(powercut: Command, image: Path) -> None:
    powercut("put disk.img big", stdin=bytes(12000))
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen(
        [sys.executable, "-m", "powercut", "get", "disk.img", "big"],
        cwd=image.parent,
        stdout=write,
        stderr=subprocess.PIPE,
    )
    os.close(write)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (141, b"")


def test_a_put_that_is_killed_leaves_all_of_it_or_nothing(powercut: Command, image: Path) -> None:
    old, new = b"one", bytes(range(256)) * 40
    found = set()
    for delay in range(12):
        process = subprocess.Popen(
            [sys.executable, "-m", "powercut", "put", "disk.img", "a/b"],
            cwd=image.parent,
            stdin=subprocess.PIPE,
        )
        assert process.stdin is not None
        process.stdin.write(new)
        process.stdin.close()
        time.sleep(0.1 + delay * 0.02)
        process.kill()
        process.wait()
        value = powercut("get disk.img a/b")
        assert value.code == 0
        assert value.out in {old, new}
        found.add(value.out)
    assert found


def test_parse_tells_an_image_that_is_cut_short_as_far_as_it_goes_and_answers_1(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "short.img"
    assert main(["format", str(image), "--block-size", "512", "--block-count", "32"]) == 0
    assert main(["parse", str(image)]) == 0
    image.write_bytes(image.read_bytes()[: 16 * 512])
    capfd.readouterr()
    assert main(["parse", str(image)]) == 1
    lines = capfd.readouterr().out.splitlines()
    assert "pair {0, 1}" in lines
    assert lines[-1].startswith("problem: the superblock says 32 blocks of 512 bytes")
    assert main(["parse", str(image), "--json"]) == 1
    found = json.loads(capfd.readouterr().out)
    assert (found["verdict"], found["exit"]) == ("unsound", 1)
