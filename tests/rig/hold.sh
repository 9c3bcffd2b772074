# SPDX-License-Identifier: LGPL-2.1-or-later
# hold POINT: where a test holds this point, wait until it releases it. Holding makes a FIFO; releasing closes it.
hold() {
    point="${RIG_BOARD:-/nonexistent}/hold/$1"
    if [ -p "$point" ]; then cat "$point" >/dev/null 2>&1 || true; fi
}
