#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the boot loader does before the system starts: chooses the slot, as GRUB would, and notes the try.
set -eu
export RIG_BOARD=/var/lib/board
slot=$("$RIG_BOARD/bootloader.sh" get-primary) || slot=$(cat "$RIG_BOARD/booted")
echo "$slot" > "$RIG_BOARD/booted"
sed -i "s/^${slot}_TRY=.*/${slot}_TRY=1/" "$RIG_BOARD/bootenv"
