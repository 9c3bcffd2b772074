#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# RAUC's pre-install and post-install handler; $0 names the point. It notes that it ran, stops where a test holds it,
# and fails if a test wants it to.
. "$RIG_SCRIPTS/hold.sh"
echo >> "$0.ran"
hold "$(basename "$0")"
if [ -f "$0.exit" ]; then exit "$(cat "$0.exit")"; fi
