# SPDX-License-Identifier: LGPL-2.1-or-later
"""URLs, TLS and network failures, whoever is at the other end."""
