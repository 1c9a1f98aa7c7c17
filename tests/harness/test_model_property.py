# SPDX-License-Identifier: ISC
"""The model in SQL agrees, for any operations, with the contract written as nested dictionaries."""

import copy
import hashlib
from dataclasses import dataclass
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from powercut_models import OPERATIONS, Answer, Difference, Row, StoreModel

NAME_MAX = 4
VALUE_MAX = 12


@dataclass
class Leaf:
    data: bytes
    time: tuple[int, int] | None


Step = tuple[str, bytes, bytes, tuple[int, int], bytes, str | None]
Tree = dict[bytes, Any]  # name -> Leaf or Tree


class NoError(Exception):
    """A code."""


class Naive:
    """The contract, read aloud. Every operation works on a deep copy, kept for good."""

    def __init__(self, *, timestamps: bool) -> None:
        self.states: list[Tree] = [{}]
        self.timestamps = timestamps

    def apply(self, step: Step, time: int) -> Answer:
        kind, key, target, (off, length), data, denied = step
        tree = copy.deepcopy(self.states[-1])
        self.states.append(self.states[-1])
        clock = (time, time * 3) if self.timestamps else None
        if kind == "sync":
            return Answer(denied or "OK")
        try:
            segments = self.segments(key)
            if kind == "set":
                self.set(tree, segments, data, clock)
            elif kind == "set_partial":
                self.set_partial(tree, segments, off, data, clock)
            elif kind == "allocate":
                self.allocate(tree, segments, length, clock)
            elif kind == "remove":
                self.remove(tree, segments)
            elif kind == "rename":
                self.rename(tree, segments, self.segments(target))
            else:
                answer = self.read(tree, kind, segments, off, length)
                return Answer(denied) if denied else answer
        except NoError as no:
            return Answer(str(no))
        if denied:
            return Answer(denied)
        self.states[-1] = tree
        return Answer("OK")

    def segments(self, key: bytes) -> list[bytes]:
        segments = [segment for segment in key.split(b"/") if segment != b""]
        for segment in segments:
            if segment in (b".", b"..") or 0 in segment:
                raise NoError("INVALID_KEY")
            if len(segment) > NAME_MAX:
                raise NoError("NAME_TOO_LONG")
        return segments

    def find(self, tree: Tree, segments: list[bytes]) -> Leaf | Tree | None:
        node: Leaf | Tree = tree
        for segment in segments:
            if isinstance(node, Leaf):
                raise NoError("DICTIONARY_EXPECTED")
            if segment not in node:
                return None
            node = node[segment]
        return node

    def need(self, tree: Tree, segments: list[bytes]) -> Leaf | Tree:
        node = self.find(tree, segments)
        if node is None:
            raise NoError("NOT_FOUND")
        return node

    def bind(self, tree: Tree, segments: list[bytes], node: Leaf | Tree) -> None:
        for segment in segments[:-1]:
            tree = tree.setdefault(segment, {})
        tree[segments[-1]] = node

    def unbind(self, tree: Tree, segments: list[bytes]) -> None:
        for segment in segments[:-1]:
            tree = tree[segment]
        del tree[segments[-1]]

    def read(self, tree: Tree, kind: str, segments: list[bytes], off: int, length: int) -> Answer:
        if kind == "exists":
            try:
                node = self.find(tree, segments)
            except NoError:
                node = None
            return Answer("OK", kind=None if node is None else kind_of(node))
        node = self.need(tree, segments)
        if kind in ("get", "get_partial"):
            if not isinstance(node, Leaf):
                raise NoError("VALUE_EXPECTED")
            return Answer("OK", data=node.data if kind == "get" else node.data[off:][:length])
        if kind == "list":
            if isinstance(node, Leaf):
                raise NoError("DICTIONARY_EXPECTED")
            return Answer("OK", entries=tuple((name, kind_of(node[name])) for name in sorted(node)))
        if kind == "size":
            return Answer("OK", size=size_of(node))
        if kind == "digest":
            return Answer("OK", data=digest_of(node))
        assert kind == "last_modified"
        if isinstance(node, Leaf):
            if node.time is None:
                raise NoError("NO_TIMESTAMP")
            return Answer("OK", time=node.time)
        times = [child.time for child in node.values() if isinstance(child, Leaf) and child.time is not None]
        return Answer("OK", time=max(times, default=(0, 0)))

    def set(self, tree: Tree, segments: list[bytes], data: bytes, clock: tuple[int, int] | None) -> None:
        if isinstance(self.find(tree, segments), dict):
            raise NoError("VALUE_EXPECTED")
        if len(data) > VALUE_MAX:
            raise NoError("VALUE_TOO_LARGE")
        self.bind(tree, segments, Leaf(data, clock))

    def set_partial(
        self, tree: Tree, segments: list[bytes], off: int, data: bytes, clock: tuple[int, int] | None
    ) -> None:
        node = self.find(tree, segments)
        if isinstance(node, dict):
            raise NoError("VALUE_EXPECTED")
        whole = bytearray(node.data if node is not None else b"")
        whole[off : off + len(data)] = data
        self.set(tree, segments, bytes(whole), clock)

    def allocate(self, tree: Tree, segments: list[bytes], length: int, clock: tuple[int, int] | None) -> None:
        if self.find(tree, segments) is not None:
            raise NoError("ALREADY_PRESENT")
        self.set(tree, segments, bytes(length), clock)

    def remove(self, tree: Tree, segments: list[bytes]) -> None:
        if not segments:
            raise NoError("INVALID_KEY")
        if self.find(tree, segments) is not None:
            self.unbind(tree, segments)

    def rename(self, tree: Tree, a: list[bytes], b: list[bytes]) -> None:
        if not a:
            raise NoError("INVALID_KEY")
        moved = self.need(tree, a)
        target = [*b, a[-1]] if isinstance(self.find(tree, b), dict) else b
        bound = self.find(tree, target)
        if isinstance(moved, dict) and target[: len(a)] == a:
            raise NoError("RENAME_SOURCE_PREFIX")
        if target == a:
            return
        if isinstance(bound, dict):
            raise NoError("ALREADY_PRESENT")
        if isinstance(moved, dict) and bound is not None:
            raise NoError("VALUE_EXPECTED")
        self.unbind(tree, a)
        self.bind(tree, target, moved)

    def rows(self, at: int) -> list[Row]:
        def walk(node: Tree, way: tuple[bytes, ...]) -> list[Row]:
            rows = []
            for name in sorted(node):
                key = b"/".join((*way, name))
                child = node[name]
                if isinstance(child, Leaf):
                    rows.append(Row(key, "value", child.data, child.time))
                else:
                    rows += [Row(key, "dictionary", None, None), *walk(child, (*way, name))]
            return rows

        return walk(self.states[at], ())


def kind_of(node: Leaf | Tree) -> str:
    return "value" if isinstance(node, Leaf) else "dictionary"


def size_of(node: Leaf | Tree) -> int:
    return len(node.data) if isinstance(node, Leaf) else sum(size_of(child) for child in node.values())


def digest_of(node: Leaf | Tree) -> bytes:
    if isinstance(node, Leaf):
        return hashlib.sha256(node.data).digest()
    whole = hashlib.sha256()
    for name in sorted(node):
        whole.update(kind_of(node[name])[:1].encode())
        whole.update(len(name).to_bytes(4, "little") + name + digest_of(node[name]))
    return whole.digest()


SEGMENTS = st.sampled_from(
    [b"a", b"a", b"b", b"b", b"c", b"a-", b"a.", b"a\x01", b"\xff", b"'%_", b"", b"long!", b".", b"\0"]
)
KEYS = st.lists(SEGMENTS, max_size=4).map(b"/".join)
WRITES = ("set", "set", "set_partial", "rename", "rename", "remove", "allocate")
STEPS = st.tuples(
    st.sampled_from([*OPERATIONS, *WRITES]),
    KEYS,
    KEYS,
    st.tuples(st.integers(0, 14), st.integers(0, 14)),
    st.sampled_from([b"", b"1", b"22", b"\0" * 3, b"four", b"123456789012", b"1234567890123"]),
    st.sampled_from([None, None, None, None, None, None, None, "NO_SPACE", "IO"]),
)


def run(steps: list[Step], *, timestamps: bool) -> tuple[Naive, StoreModel]:
    naive = Naive(timestamps=timestamps)
    model = StoreModel(name_max=NAME_MAX, value_max=VALUE_MAX, timestamps=timestamps)
    for time, step in enumerate(steps):
        kind, key, target, (off, length), data, denied = step
        expected = naive.apply(step, time)
        got = model.apply(
            kind, key, target=target, off=off, length=length, data=data, time=(time, time * 3), denied=denied
        )
        assert got == expected, (kind, key, target)
    return naive, model


@settings(max_examples=400, deadline=None)
@given(st.lists(STEPS, max_size=30), st.booleans())
@example([("set", b"a/b/c", b"", (0, 0), b"1", None), ("rename", b"a/b", b"a", (0, 0), b"", None)], True)
def test_the_model_answers_and_holds_what_the_naive_reading_does(steps: list[Step], timestamps: bool) -> None:
    naive, model = run(steps, timestamps=timestamps)
    with model:
        assert model.count == len(steps)
        assert model.rows() == naive.rows(len(steps))
        for at in range(len(steps) + 1):
            assert model.rows(at) == naive.rows(at)


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, max_size=20), st.booleans())
def test_changes_lead_from_each_state_to_the_next(steps: list[Step], timestamps: bool) -> None:
    naive, model = run(steps, timestamps=timestamps)
    with model:
        for op in range(len(steps)):
            before, after = set(naive.rows(op)), set(naive.rows(op + 1))
            died, born = (set(rows) for rows in model.changes(op))
            assert died <= before
            assert born <= after
            assert (before - died) | born == after
            assert died & born == set()


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, max_size=15), st.data())
def test_difference_is_exactly_what_the_naive_reading_finds(steps: list[Step], data: st.DataObject) -> None:
    naive, model = run(steps, timestamps=True)
    with model:
        at, other = data.draw(st.integers(0, len(steps))), data.draw(st.integers(0, len(steps)))
        found = data.draw(st.permutations(naive.rows(other)))
        expected_rows = {row.key: row for row in naive.rows(at)}
        found_rows = {row.key: row for row in found}
        wrong = [
            Difference(key, expected_rows.get(key), found_rows.get(key))
            for key in sorted(expected_rows | found_rows, key=lambda key: key.split(b"/"))
            if expected_rows.get(key) != found_rows.get(key)
        ]
        assert model.difference(at, found) == wrong


@settings(max_examples=100, deadline=None)
@given(st.lists(STEPS, max_size=15), st.lists(STEPS, max_size=10))
def test_a_loaded_store_goes_on_as_the_one_it_was_taken_from(first: list[Step], then: list[Step]) -> None:
    naive, model = run(first + then, timestamps=True)
    with model, StoreModel(name_max=NAME_MAX, value_max=VALUE_MAX) as loaded:
        loaded.load(reversed(naive.rows(len(first))))
        for time, (kind, key, target, (off, length), data, denied) in enumerate(then, len(first)):
            loaded.apply(
                kind,
                key,
                target=target,
                off=off,
                length=length,
                data=data,
                time=(time, time * 3),
                denied=denied,
            )
        assert loaded.rows() == model.rows()
