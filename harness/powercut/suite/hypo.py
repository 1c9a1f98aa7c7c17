# SPDX-License-Identifier: ISC
"""What powercut does inside of a Hypothesis test: quiet while it looks, exact about what it keeps.

Nothing here imports Hypothesis: what is not loaded runs no test.
"""

from __future__ import annotations

import sys
from typing import Any


def context() -> Any:
    """Hypothesis's build context of the example at hand; None: no Hypothesis test is running."""
    control = sys.modules.get("hypothesis.control")
    if control is None or not control.currently_in_test_context():
        return None
    return control.current_build_context()


def looking() -> bool:
    """Whether Hypothesis is still looking: this example may be neither the last nor the smallest."""
    here = context()
    return here is not None and not getattr(here, "is_final", True)


def excuse(seconds: float) -> None:
    """Takes time that powercut needed off what Hypothesis holds against its deadline.

    It is counted as Hypothesis counts the running of its own state machines, which no deadline is about.
    """
    here = context()
    times = getattr(getattr(here, "data", None), "_stateful_run_times", None)
    if times is not None:
        times["execute:powercut"] += seconds


def tell(verdict: Any) -> None:
    """Puts into Hypothesis's statistics how many crash states the example had."""
    if context() is not None:
        size = verdict.total.bit_length()
        low, high = (1 << size) // 2, (1 << size) - 1
        sys.modules["hypothesis"].event("powercut: crash states of an example", f"{low} to {high}")


def aim(value: float, label: str) -> None:
    """Lets Hypothesis look for examples where the value is higher."""
    if context() is not None:
        sys.modules["hypothesis"].target(value, label=label)
