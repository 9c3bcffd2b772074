# SPDX-License-Identifier: LGPL-2.1-or-later
"""The process: commands, exit codes, signals, the bus interface, and the one place that puts everything together.

Nothing imports it.
"""
