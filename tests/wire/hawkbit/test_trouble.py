# SPDX-License-Identifier: LGPL-2.1-or-later
"""Failures on the way to a server are told apart, in sentences that say what to do."""

import re
import socket
import ssl
from datetime import UTC, datetime

import pytest

from hawkbit_rauc.net.failures import place, sentence

NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


class ConnectTimeout(Exception):  # noqa: N818  named as httpx names it
    pass


class ReadTimeout(Exception):  # noqa: N818
    pass


def caused(cause: BaseException) -> BaseException:
    """Wrap an error twice as HTTP libraries do."""
    middle, outer = RuntimeError("wrapped"), ValueError("no answer")
    middle.__cause__ = cause
    outer.__cause__ = middle
    return outer


def refused_certificate() -> ssl.SSLError:
    error = ssl.SSLCertVerificationError(1, "CERTIFICATE_VERIFY_FAILED")
    error.verify_message = "certificate is not yet valid"
    return error


def tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (socket.gaierror(-2, "Name or service not known"), r"resolve the name of h:1 \(Name or service not known\)"),
        (ConnectionRefusedError(111, "Connection refused"), "h:1 refused the connection"),
        (ConnectionResetError(104, "Connection reset by peer"), "connection to h:1 failed: Connection reset by peer"),
        (OSError(101, "Network is unreachable"), "connection to h:1 failed: Network is unreachable"),
        (ConnectTimeout(), "no connection to h:1 in time"),
        (ReadTimeout(), "h:1 did not answer in time"),
        (TimeoutError("timed out"), "h:1 did not answer in time"),
        (refused_certificate(), r"certificate of h:1 is refused \(certificate is not yet valid\): check ca_file"),
        (tls_error("WRONG_VERSION_NUMBER"), "h:1 does not speak TLS"),
        (tls_error("SSLV3_ALERT_HANDSHAKE_FAILURE"), "TLS with h:1 failed: sslv3 alert handshake failure"),
        (ssl.SSLError(), "TLS with h:1 failed"),
        (RuntimeError("server\nsaid  no"), "connection to h:1 broke: server said no"),
    ],
)  # fmt: skip
def test_the_root_cause_is_told(cause: BaseException, said: str) -> None:
    """However deep a cause is wrapped, the sentence names it and the server."""
    assert re.search(said, sentence(caused(cause), "h:1", NOW))


def test_a_clock_that_was_never_set_is_the_first_suspect() -> None:
    """Before 2024 a certificate that can't be verified is the clock's fault, and the sentence says so."""
    told = sentence(caused(refused_certificate()), "h:1", 0.0)
    assert "the clock says 1970-01-01; set it first" in told


@pytest.mark.parametrize(
    ("origin", "shown"),
    [
        ("https://h", "h:443"),
        ("http://h", "h:80"),
        ("http://h:8080", "h:8080"),
        ("https://[::1]", "[::1]:443"),
        ("https://[::1]:8443", "[::1]:8443"),
    ],
)
def test_a_place_has_a_port(origin: str, shown: str) -> None:
    """Sentences name host and port, the scheme's own too."""
    assert place(origin) == shown
