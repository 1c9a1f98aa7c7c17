# SPDX-License-Identifier: ISC
"""Two independent opinions about a store: what it must hold, and what its image says.

`StoreModel` is the contract of the key-value store in SQL (docs/model.md). `powercut_models.image` reads a
littlefs image with no help from the engine (docs/format.md). Neither imports the engine or the harness.
"""

from powercut_models.codes import CODES, OPERATIONS
from powercut_models.rows import Answer, Difference, Row, Time
from powercut_models.store import StoreModel

__all__ = ["CODES", "OPERATIONS", "Answer", "Difference", "Row", "StoreModel", "Time"]
