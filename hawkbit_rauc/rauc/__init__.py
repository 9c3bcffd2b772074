# SPDX-License-Identifier: LGPL-2.1-or-later
"""The installer, over D-Bus; RAUC's wire names end here."""
