# SPDX-License-Identifier: LGPL-2.1-or-later
# Edited in spec/handwritten/ and copied from there by scripts/regenerate.
"""The operations of DDI, a module each, with `sync`, `asyncio`, `sync_detailed` and `asyncio_detailed`."""
