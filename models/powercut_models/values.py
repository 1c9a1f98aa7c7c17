# SPDX-License-Identifier: ISC
"""The blocks of an image, each with its owner, and the values that lie in lists of them.

docs/format.md, "A value in blocks": block i of a value begins with ctz(i) + 1 pointers, to blocks i - 1, i -
2, i - 4, ... (block 0 with none), and the struct names the last block.
"""

from powercut_models.blocks import ImageError, le32


class Disk:
    """The image's bytes as numbered blocks, and who owns which: owners maps a block to a few words."""

    def __init__(self, data: bytes, block_size: int, block_count: int) -> None:
        self.data = data
        self.block_size = block_size
        self.block_count = block_count
        self.owners: dict[int, str] = {}

    def block(self, number: int) -> bytes:
        """The bytes of a block. Raises ImageError for a number out of range."""
        if not 0 <= number < self.block_count:
            raise ImageError(f"a pointer names block {number}, and the image has {self.block_count}")
        return self.data[number * self.block_size : (number + 1) * self.block_size]

    def own(self, number: int, owner: str) -> None:
        """Notes who a block belongs to. Raises ImageError where it has an owner already."""
        other = self.owners.get(number)
        if other == owner:
            raise ImageError(f"block {number} is reached twice: {owner} comes back to itself")
        if other is not None:
            raise ImageError(f"block {number} belongs to {owner} and to {other}")
        self.owners[number] = owner

    def read_list(self, head: int, size: int, owner: str) -> bytes:
        """The value of `size` bytes whose last block is head; its blocks become owner's.

        Raises ImageError for a list that is too long, leaves the image, or contradicts itself.
        """
        if size == 0:
            return b""
        last = self._last_index(size, owner)
        numbers = {last: head}
        chunks: list[bytes] = []
        for index in range(last, -1, -1):
            number = numbers.pop(index)
            block = self.block(number)
            pointers = _pointer_count(index)
            for power in range(pointers):
                below, pointer = index - (1 << power), le32(block, 4 * power)
                if numbers.setdefault(below, pointer) != pointer:
                    raise ImageError(f"{owner}: two pointers disagree on its block {below}")
            self.own(number, owner)
            chunks.append(block[4 * pointers :])
        return b"".join(reversed(chunks))[:size]

    def _last_index(self, size: int, owner: str) -> int:
        """The index of the block that holds byte size - 1."""
        index, room = 0, self.block_size
        while room < size:
            index += 1
            room += self.block_size - 4 * _pointer_count(index)
            if index >= self.block_count:
                raise ImageError(f"{owner} has {size} bytes, more than the image's blocks can hold")
        return index


def _pointer_count(index: int) -> int:
    """ctz(index) + 1 pointers, none in block 0."""
    return (index & -index).bit_length()
