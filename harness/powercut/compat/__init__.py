# SPDX-License-Identifier: ISC
"""What two builds of an engine, or two engines, make of each other's images."""
