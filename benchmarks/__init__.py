# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures the daemon side by side with other clients; `scripts/benchmark` runs it."""
