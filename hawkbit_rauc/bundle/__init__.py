# SPDX-License-Identifier: LGPL-2.1-or-later
"""How a bundle reaches the installer: downloaded and verified, or streamed."""
