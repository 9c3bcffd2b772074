# SPDX-License-Identifier: LGPL-2.1-or-later
"""Decisions, made of values only: no clock, randomness, log or I/O."""
