# SPDX-License-Identifier: ISC
"""`python -m powercut` is `powercut`."""

import sys

from powercut.cli import main

if __name__ == "__main__":
    sys.exit(main())
