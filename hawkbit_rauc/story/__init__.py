# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happens: the poll loop, and one deployment from the offer to the told outcome.

Touches the world through `ports` alone.
"""
