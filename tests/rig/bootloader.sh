#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# RAUC's boot loader backend (bootloader=custom) that does what RAUC's own backends do.
# $RIG_BOARD/bootenv holds KIND, ORDER and for each slot S_OK, S_TRY (grub) and S_LEFT (uboot).
set -eu
. "$(dirname "$0")/hold.sh"

save() {
    {
        echo "KIND=$KIND"
        echo "ORDER=\"$ORDER\""
        echo "SLOTS=\"$SLOTS\""
        for slot in $SLOTS; do
            for name in OK TRY LEFT; do eval "echo ${slot}_$name=\$${slot}_$name"; done
        done
    } > "$RIG_BOARD/bootenv.new"
    mv "$RIG_BOARD/bootenv.new" "$RIG_BOARD/bootenv"
}

without() { # the words of $2 without $1
    rest=
    for word in $2; do [ "$word" = "$1" ] || rest="${rest:+$rest }$word"; done
    echo "$rest"
}

good() {
    [ "$KIND" != none ] || return 0
    case " $ORDER " in *" $1 "*) ;; *) return 1 ;; esac
    eval "ok=\$$1_OK try=\$$1_TRY left=\$$1_LEFT"
    case $KIND in
        grub) [ "$ok" = 1 ] && [ "$try" = 0 ] ;;
        uboot) [ "$left" -gt 0 ] ;;
    esac
}

[ "$1" != set-primary ] || hold set-primary
[ "$1" != set-state ] || hold set-state
. "$RIG_BOARD/bootenv"

case "$1" in
    get-primary)
        for slot in $ORDER; do
            if good "$slot"; then echo "$slot"; exit; fi
        done
        echo "No bootable slot found in ORDER '$ORDER'" >&2
        exit 1
        ;;
    set-primary)
        if [ "$KIND" = grub ]; then others=$SLOTS; else others=$ORDER; fi
        others=$(without "$2" "$others")
        ORDER="$2${others:+ $others}"
        eval "$2_OK=1 $2_TRY=0 $2_LEFT=3"
        save
        ;;
    get-state)
        if good "$2"; then echo good; else echo bad; fi
        ;;
    set-state)
        if [ "$3" = good ]; then
            eval "$2_OK=1 $2_TRY=0 $2_LEFT=3"
        else
            eval "$2_OK=0 $2_TRY=0 $2_LEFT=0"
            if [ "$KIND" = uboot ]; then ORDER=$(without "$2" "$ORDER"); fi
        fi
        save
        ;;
    get-current)
        cat "$RIG_BOARD/booted"
        ;;
    *)
        exit 1
        ;;
esac
