# SPDX-License-Identifier: ISC
"""The shape of a block device, as Python sees it."""

from __future__ import annotations

from dataclasses import dataclass

from powercut.errors import PowercutError

#: The largest device, in bytes, that is kept in memory.
DEVICE_MAX = 1 << 30

_BLOCKS_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Geometry:
    """Sizes in bytes; ``erase_value`` is 0..255, or None for a device whose erase changes nothing."""

    read_size: int = 16
    prog_size: int = 16
    block_size: int = 512
    block_count: int = 256
    erase_value: int | None = 0xFF

    @property
    def size(self) -> int:
        """Bytes of the whole device."""
        return self.block_size * self.block_count

    def problem(self) -> str | None:
        """What is impossible about this geometry, as the rest of a sentence; None if it can be."""
        for name in ("read_size", "prog_size", "block_size", "block_count"):
            if not 1 <= getattr(self, name) <= _BLOCKS_MAX:
                return f"{name} is {getattr(self, name)}, and must be 1 to {_BLOCKS_MAX}"
        for name in ("prog_size", "read_size"):
            if self.block_size % getattr(self, name):
                return f"{name} {getattr(self, name)} does not divide block_size {self.block_size}"
        if self.erase_value is not None and not 0 <= self.erase_value <= 255:
            return f"erase_value is {self.erase_value}, and must be 0 to 255 or none"
        if self.size > DEVICE_MAX:
            return (
                f"{self.block_count} blocks of {self.block_size} bytes are {self.size} bytes, and a device "
                f"in memory has at most {DEVICE_MAX}"
            )
        return None

    def checked(self) -> Geometry:
        """This geometry. Raises PowercutError if it cannot be."""
        problem = self.problem()
        if problem is not None:
            raise PowercutError(f"This geometry cannot be: {problem}.")
        return self

    def __str__(self) -> str:
        erase = "none" if self.erase_value is None else f"0x{self.erase_value:02x}"
        return (
            f"{self.block_count} blocks of {self.block_size} bytes, read {self.read_size}, "
            f"prog {self.prog_size}, erase {erase}"
        )
