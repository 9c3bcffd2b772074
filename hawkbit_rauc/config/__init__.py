# SPDX-License-Identifier: LGPL-2.1-or-later
"""The configuration: text in, a `Config` or all its mistakes out."""
