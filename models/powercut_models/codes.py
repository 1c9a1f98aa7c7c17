# SPDX-License-Identifier: ISC
"""The names that the model shares with the engine: result codes, operations, kinds."""

from typing import Final

CODES: Final = frozenset(
    {
        "OK",
        "NOT_FOUND",
        "DICTIONARY_EXPECTED",
        "VALUE_EXPECTED",
        "ALREADY_PRESENT",
        "RENAME_SOURCE_PREFIX",
        "NO_SPACE",
        "INVALID_KEY",
        "NAME_TOO_LONG",
        "VALUE_TOO_LARGE",
        "NO_TIMESTAMP",
        "READ_ONLY",
        "IO",
        "CORRUPT",
        "UNSUPPORTED",
        "INVALID_ARGUMENT",
        "NO_MEMORY",
    }
)
"""Every result code of the contract."""

OPERATIONS: Final = (
    "exists",
    "get",
    "get_partial",
    "list",
    "size",
    "last_modified",
    "digest",
    "set",
    "set_partial",
    "allocate",
    "remove",
    "rename",
    "sync",
)
"""The operations: seven that read, five that change, and one that makes lasting what was changed."""

VALUE: Final = "value"
DICTIONARY: Final = "dictionary"


class RefusedError(Exception):
    """An operation that the contract answers with a code other than OK."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
