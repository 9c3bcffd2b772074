# SPDX-License-Identifier: LGPL-2.1-or-later
"""The server, through `hawkbit_ddi`; its words, limits and quirks end here."""
