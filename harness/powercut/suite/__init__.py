# SPDX-License-Identifier: ISC
"""powercut in pytest: options, a marker, fixtures, counts and a summary. docs/suites.md says how to use it.

Nothing here imports the compiled module or Hypothesis before a test asks for a fixture.
"""
