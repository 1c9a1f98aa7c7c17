# SPDX-License-Identifier: ISC
"""An independent reader of the littlefs v2 on-disk format: all that callers need of it, in one place.

`read_image` gives an image's entries and its structure, `describe` and `as_dict` the same in words and for
JSON. What cannot be right raises ImageError.
"""

from powercut_models.blocks import Commit, ImageError, Log, Tag
from powercut_models.describe import as_dict, describe
from powercut_models.difference import Difference, compare, compare_surveys
from powercut_models.pairs import Pair, Slot
from powercut_models.reading import Image, Superblock, find_geometry, read_image
from powercut_models.survey import Survey, survey
from powercut_models.tree import Entry, GlobalState

__all__ = [
    "Commit",
    "Difference",
    "Entry",
    "GlobalState",
    "Image",
    "ImageError",
    "Log",
    "Pair",
    "Slot",
    "Superblock",
    "Survey",
    "Tag",
    "as_dict",
    "compare",
    "compare_surveys",
    "describe",
    "find_geometry",
    "read_image",
    "survey",
]
