# SPDX-License-Identifier: ISC
"""Keys and the paths that stand for them in the database.

A path is each segment with a NUL in front, joined: the key `a/b` is the path `\\0a\\0b`, the root is the
empty path. No segment holds a NUL, so that the bytewise order of paths is the order of keys segment by
segment (a slash would not do: `a-b` sorts before `a/b`), and what lies below a path is one range: from path +
`\\0` up to path + `\\1`.
"""

from powercut_models.codes import RefusedError


def parse_key(key: bytes, name_max: int) -> bytes:
    """The path of a key as a caller gives it: empty segments vanish.

    Raises RefusedError with INVALID_KEY (`.`, `..`, a NUL) or NAME_TOO_LONG, whichever the leftmost bad
    segment earns; in one and the same segment INVALID_KEY goes first.
    """
    segments = [segment for segment in key.split(b"/") if segment]
    for segment in segments:
        if segment in (b".", b"..") or b"\0" in segment:
            raise RefusedError("INVALID_KEY")
        if len(segment) > name_max:
            raise RefusedError("NAME_TOO_LONG")
    return b"".join(b"\0" + segment for segment in segments)


def found_path(key: bytes) -> bytes:
    """The path of a key as some engine shows it, with nothing tidied up: a stray NUL or an empty segment
    gives a path that no parsed key has."""
    return b"\0" + key.replace(b"\0", b"\0\0").replace(b"/", b"\0")


def path_key(path: bytes) -> bytes:
    """The key of a path, without a leading slash."""
    return path[1:].replace(b"\0", b"/")


def parent(path: bytes) -> bytes:
    """The path of the dictionary that holds this one; of the root: the root."""
    return path[: max(path.rfind(b"\0"), 0)]


def basename(path: bytes) -> bytes:
    """The last segment of a path that is not the root."""
    return path[path.rfind(b"\0") + 1 :]


def ancestors(path: bytes) -> list[bytes]:
    """The paths on the way, outermost first: neither the root nor the path itself."""
    cuts = [index for index, byte in enumerate(path) if byte == 0]
    return [path[:cut] for cut in cuts[1:]]


def below(path: bytes, other: bytes) -> bool:
    """Whether `other` is `path` or lies under it."""
    return other == path or other.startswith(path + b"\0")
