# SPDX-License-Identifier: ISC
"""Golden sets: images that an engine build wrote, kept with what they hold, to hold later builds against."""
