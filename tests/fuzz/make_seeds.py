# SPDX-License-Identifier: ISC
"""Writes inputs for the fuzz target to begin with: FOLDER [IMAGES...].

Images of other programs (with their .json beside them) become raw inputs, where they are small enough; the
seed images that skink makes itself come in every kind and a few geometries. See input.h for the format.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

PROGS = (1, 4, 16, 32, 64, 128, 256, 512)
SIZES = (128, 256, 512, 1024, 2048, 4096)
LARGEST = 40_000
#: Changes for the target to make: two values, a rename, a removal; see ops.h.
CHANGES = b"".join(
    map(
        bytes,
        [
            [0, 0, 0, 20, 0, 0],
            [3, 129, 0, 200, 2, 3],
            [10, 130, 3, 0, 0, 0],
            [7, 131, 0, 0, 0, 0],
            [13, 128, 9, 30, 0, 0],
        ],
    )
)


def header(block_size: int, block_count: int, prog_size: int, *, script: bool, flags: int) -> bytes:
    """The four bytes of input.h, for five changes."""
    first = SIZES.index(block_size) | PROGS.index(prog_size) << 3 | (0x80 if script else 0)
    return bytes([first, block_count - 8, flags, len(CHANGES) // 6 | 5 << 3])


def from_image(path: Path) -> bytes | None:
    """The image as an input, or None: too large, or of a geometry that no input has."""
    facts = json.loads(path.with_suffix(".json").read_text())
    block_size, block_count, prog_size = (facts[name] for name in ("block_size", "block_count", "prog_size"))
    data = path.read_bytes().rstrip(b"\xff")
    if (
        block_size not in SIZES
        or prog_size not in PROGS
        or not 8 <= block_count <= 263
        or len(data) > LARGEST
    ):
        return None
    return header(block_size, block_count, prog_size, script=False, flags=0) + CHANGES + data


def main() -> None:
    """The command line."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for path in map(Path, sys.argv[2:]):
        data = from_image(path)
        if data is not None:
            (folder / f"{path.parent.name}-{path.stem}").write_bytes(data)
    for size, prog in ((128, 1), (128, 16), (256, 64), (512, 16), (1024, 256)):
        for kind in range(16):
            for cut in (0, 4):
                start = header(size, 32, prog, script=True, flags=kind << 4 | cut)
                (folder / f"skink-{size}-{prog}-{kind}-{cut}").write_bytes(start + CHANGES)


if __name__ == "__main__":
    main()
