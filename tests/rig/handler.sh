#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# RAUC's pre-install and post-install handler: does nothing but stop where a test holds it. $0 names the point.
. "$RIG_SCRIPTS/hold.sh"
hold "$(basename "$0")"
