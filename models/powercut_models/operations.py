# SPDX-License-Identifier: ISC
"""The operations: what each answers, and what it does to the history.

A reader gives an Answer. A writer gives an effect, having refused all there is to refuse; only then is the
history touched, so that a refused operation leaves the store exactly as it was.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from powercut_models.codes import DICTIONARY, VALUE, RefusedError
from powercut_models.history import History, Living
from powercut_models.keys import ancestors, basename, below, parent, parse_key
from powercut_models.rows import EPOCH, Answer, unpack_time

_ROOT: Final = Living(DICTIONARY, None, None)
_DONE: Final = Answer("OK")


@dataclass(frozen=True, slots=True)
class Call:
    """The arguments of one operation. moment: the clock's time, packed, or None in a store without
    timestamps."""

    kind: str
    key: bytes
    target: bytes
    off: int
    length: int
    data: bytes
    moment: bytes | None


@dataclass(frozen=True, slots=True)
class _Put:
    path: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class _Take:
    path: bytes


@dataclass(frozen=True, slots=True)
class _Move:
    source: bytes
    target: bytes


_Effect = _Put | _Take | _Move | None


class Operations:
    """The operations on one history. name_max: bytes in a segment; value_max: bytes in a value."""

    def __init__(self, history: History, name_max: int, value_max: int) -> None:
        self._history = history
        self._name_max = name_max
        self._value_max = value_max
        self._readers: dict[str, Callable[[bytes, Call], Answer]] = {
            "exists": self._exists,
            "get": self._get,
            "get_partial": self._get_partial,
            "list": self._list,
            "size": self._size,
            "last_modified": self._last_modified,
            "digest": self._digest,
        }
        self._writers: dict[str, Callable[[bytes, Call], _Effect]] = {
            "set": self._set,
            "set_partial": self._set_partial,
            "allocate": self._allocate,
            "remove": self._remove,
            "rename": self._rename,
        }

    def do(self, call: Call, number: int, denied: str | None) -> Answer:
        """Operation `number`: its answer, and its effect unless it was denied. Raises RefusedError."""
        if call.kind == "sync":
            return _DONE if denied is None else Answer(denied)
        path = parse_key(call.key, self._name_max)
        reader = self._readers.get(call.kind)
        if reader is not None:
            answer = reader(path, call)
            return answer if denied is None else Answer(denied)
        effect = self._writers[call.kind](path, call)
        if denied is not None:
            return Answer(denied)
        self._take_effect(effect, call.moment, number)
        return _DONE

    # --- the walk ----------------------------------------------------------------------------------

    def _find(self, path: bytes) -> Living | None:
        """The entry at a path, None where there is none. Raises DICTIONARY_EXPECTED where a value is on the
        way."""
        if not path:
            return _ROOT
        for above in ancestors(path):
            bound = self._history.living(above)
            if bound is None:
                return None
            if bound.kind == VALUE:
                raise RefusedError("DICTIONARY_EXPECTED")
        return self._history.living(path)

    def _need(self, path: bytes) -> Living:
        bound = self._find(path)
        if bound is None:
            raise RefusedError("NOT_FOUND")
        return bound

    def _value(self, path: bytes) -> bytes:
        bound = self._need(path)
        if bound.content is None:
            raise RefusedError("VALUE_EXPECTED")
        return self._history.data(bound.content)

    # --- readers -----------------------------------------------------------------------------------

    def _exists(self, path: bytes, _: Call) -> Answer:
        try:
            bound = self._find(path)
        except RefusedError:  # a segment below a value: bound to nothing
            bound = None
        return Answer("OK", kind=None if bound is None else bound.kind)

    def _get(self, path: bytes, _: Call) -> Answer:
        return Answer("OK", data=self._value(path))

    def _get_partial(self, path: bytes, call: Call) -> Answer:
        return Answer("OK", data=self._value(path)[call.off : call.off + call.length])

    def _list(self, path: bytes, _: Call) -> Answer:
        if self._need(path).kind == VALUE:
            raise RefusedError("DICTIONARY_EXPECTED")
        children = self._history.children(path)
        return Answer("OK", entries=tuple((basename(child), kind) for child, kind in children))

    def _size(self, path: bytes, _: Call) -> Answer:
        bound = self._need(path)
        if bound.content is not None:
            return Answer("OK", size=self._history.size(bound.content))
        return Answer("OK", size=self._history.size_below(path))

    def _last_modified(self, path: bytes, _: Call) -> Answer:
        bound = self._need(path)
        moment = bound.moment if bound.kind == VALUE else self._history.newest(path)
        if moment is None and bound.kind == VALUE:
            raise RefusedError("NO_TIMESTAMP")
        return Answer("OK", time=EPOCH if moment is None else unpack_time(moment))

    def _digest(self, path: bytes, _: Call) -> Answer:
        if self._need(path).kind == VALUE:
            return Answer("OK", data=hashlib.sha256(self._value(path)).digest())
        parts: dict[bytes, list[bytes]] = {path: []}  # each dictionary's entries, encoded, names falling
        for entry, sha256 in self._history.digests_below(path):
            name = basename(entry)
            start = len(name).to_bytes(4, "little") + name
            if sha256 is None:
                encoded = b"d" + start + _digest_of(parts.pop(entry, []))
            else:
                encoded = b"v" + start + sha256
            parts.setdefault(parent(entry), []).append(encoded)
        return Answer("OK", data=_digest_of(parts[path]))

    # --- writers: what would be done ---------------------------------------------------------------

    def _set(self, path: bytes, call: Call) -> _Put:
        bound = self._find(path)
        if bound is not None and bound.kind == DICTIONARY:
            raise RefusedError("VALUE_EXPECTED")
        return self._put(path, len(call.data), lambda: call.data)

    def _set_partial(self, path: bytes, call: Call) -> _Put:
        bound = self._find(path)
        if bound is not None and bound.content is None:
            raise RefusedError("VALUE_EXPECTED")
        old = b"" if bound is None or bound.content is None else self._history.data(bound.content)
        off = min(call.off, len(old))
        end = off + len(call.data)
        return self._put(path, max(end, len(old)), lambda: old[:off] + call.data + old[end:])

    def _allocate(self, path: bytes, call: Call) -> _Put:
        if self._find(path) is not None:
            raise RefusedError("ALREADY_PRESENT")
        return self._put(path, call.length, lambda: bytes(call.length))

    def _put(self, path: bytes, size: int, data: Callable[[], bytes]) -> _Put:
        """The size is asked first: a value that is too large is never made."""
        if size > self._value_max:
            raise RefusedError("VALUE_TOO_LARGE")
        return _Put(path, data())

    def _remove(self, path: bytes, _: Call) -> _Effect:
        if not path:
            raise RefusedError("INVALID_KEY")
        return None if self._find(path) is None else _Take(path)

    def _rename(self, source: bytes, call: Call) -> _Effect:
        target = parse_key(call.target, self._name_max)
        if not source:
            raise RefusedError("INVALID_KEY")
        moved = self._need(source)
        bound = self._find(target)
        if bound is not None and bound.kind == DICTIONARY:
            target += b"\0" + basename(source)
            bound = self._find(target)
        if moved.kind == DICTIONARY and below(source, target):
            raise RefusedError("RENAME_SOURCE_PREFIX")
        if source == target:
            return None
        if bound is not None and bound.kind == DICTIONARY:
            raise RefusedError("ALREADY_PRESENT")
        if bound is not None and moved.kind == DICTIONARY:
            raise RefusedError("VALUE_EXPECTED")
        return _Move(source, target)

    # --- effects -----------------------------------------------------------------------------------

    def _take_effect(self, effect: _Effect, moment: bytes | None, number: int) -> None:
        match effect:
            case _Put(path, data):
                self.put(path, VALUE, data, moment, number)
            case _Take(path):
                self._history.kill(path, number)
            case _Move(source, target):
                self._history.kill(target, number)
                self.imply_parents(target, number)
                self._history.move(source, target, number)
            case None:
                pass

    def put(self, path: bytes, kind: str, data: bytes | None, moment: bytes | None, born: int) -> None:
        """Binds a path, in place of a value or new, with the dictionaries that are missing on the way."""
        content = None if data is None else self._history.intern(data)
        new = Living(kind, content, moment)
        old = self._history.living(path)
        if old == new:  # only where there are no timestamps: nothing that anyone could see
            return
        if old is None:
            self.imply_parents(path, born)
        else:
            self._history.kill(path, born)
        self._history.bear(path, new, born)

    def imply_parents(self, path: bytes, born: int) -> None:
        """Makes the dictionaries that are missing on the way to a path."""
        for above in reversed(ancestors(path)):
            if self._history.living(above) is not None:
                return
            self._history.bear(above, _ROOT, born)


def _digest_of(falling: list[bytes]) -> bytes:
    return hashlib.sha256(b"".join(reversed(falling))).digest()
