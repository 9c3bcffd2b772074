# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine: its bus, boot, clock, programs, disk and log."""
