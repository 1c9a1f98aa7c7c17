# SPDX-License-Identifier: ISC
"""Failures and campaigns for people: on the terminal, and as pages that need no network."""
