# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rolls hawkBit deployments out to a board that installs with RAUC."""
