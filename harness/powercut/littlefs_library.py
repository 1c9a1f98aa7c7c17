# SPDX-License-Identifier: ISC
"""Where real littlefs is: C functions in the compiled module of the PyPI package littlefs-python."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Final

from powercut.errors import PowercutError

#: The version of littlefs whose binary interface csrc/engines/littlefs/abi.h describes.
VERSION: Final = (2, 11)

#: Where the engine adapter "littlefs" looks for the library.
VARIABLE: Final = "POWERCUT_LITTLEFS"

_HOW: Final = "install it with `pip install 'littlefs-python==0.19.*'`"


def library() -> Path:
    """The shared library that exports littlefs's C functions.

    Raises PowercutError: littlefs-python is not installed, cannot be loaded, or holds another littlefs.
    """
    try:
        spec = importlib.util.find_spec("littlefs.lfs")
    except ImportError:
        spec = None
    if spec is None or spec.origin is None or not spec.has_location:
        raise PowercutError(f"Real littlefs is not here: {_HOW}.")
    try:
        found = tuple(importlib.import_module("littlefs.lfs").__LFS_VERSION__)
    except (ImportError, AttributeError) as error:
        raise PowercutError(f"littlefs-python does not work here ({error}): {_HOW}.") from error
    if found != VERSION:
        version = ".".join(str(part) for part in found)
        raise PowercutError(f"littlefs-python holds littlefs {version}, and 2.11 is needed: {_HOW}.")
    return Path(spec.origin)


def prepare(engine: str) -> None:
    """Before the engine of this name is loaded: tells the adapter "littlefs" where littlefs is.

    What VARIABLE says already stands. Raises PowercutError as `library` does.
    """
    if engine == "littlefs" and not os.environ.get(VARIABLE):
        os.environ[VARIABLE] = str(library())
