# SPDX-License-Identifier: LGPL-2.1-or-later
"""The real parts that tests and the demo run against: RAUC on a bus of its own, hawkBit, goosebit, nginx.

Each part is a context manager that keeps all its files in a folder given to it and ends what it started.
What is costly to make lies in `.cache/` of the repository and is made once (see `rig.cache`).

    bus        a private D-Bus system bus
    layout     the slots of a board, and which systems can run
    rauc       a board: RAUC 1.8, 1.13 or newer, its slots, a boot loader, simulated reboots
    vm         a board in a virtual machine, whose kernel has nbd and dm-verity
    bundles    signed bundles with known contents
    login      stands in for logind, so that a daemon can ask for a reboot
    run        hawkbit-rauc itself, as a process that believes in the board's boots
    hawkbit    a hawkBit server, started here or running elsewhere
    goosebit   a goosebit server
    nginx      nginx with given server blocks
    proxy      a TCP proxy that can be cut, stalled and limited
    token      a token (SoftHSM) that holds a client's key
    disk       a small file system that is soon full
"""
