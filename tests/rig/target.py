# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the servers of the rig have in common."""

import socket

from attrs import frozen


@frozen
class Target:
    """A controller as a server knows it: its id and its target token."""

    id: str
    token: str


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
