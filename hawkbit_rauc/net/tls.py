# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whom TLS trusts, and the client certificate's key: in a file, in an encrypted one, or in a token.

Python's ssl module loads keys from files only, and knows no way to name an engine or a provider. But
OpenSSL 3 has its providers read files, and pkcs11-provider reads one that holds a PKCS#11 URI (RFC 7512).
OpenSSL's configuration says which providers there are; OpenSSL reads it once, when it is loaded.
"""

from __future__ import annotations

import base64
import contextlib
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

#: Name of the systemd credential (systemd.exec(5), LoadCredential=) with the key's password or the token's PIN.
CREDENTIAL = "ssl_key_password"

#: How openssl-rehash(1) names certificates.
_HASHED = "[0-9a-f]" * 8 + ".[0-9]"
_SCHEME = "pkcs11:"
#: What pkcs11-provider calls the files that it reads; `_pem` says what is in them.
_LABEL = "PKCS#11 PROVIDER URI"
_DESCRIPTION = "PKCS#11 Provider URI v1.0"


def in_token(key: str) -> bool:
    """Say whether a key is named by a PKCS#11 URI."""
    return key.startswith(_SCHEME)


def password() -> str | None:
    """Read the key's password, or the token's PIN, from the systemd credential.

    Returns:
        None if there is no such credential, or if it can't be read.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return None
    try:
        return (Path(folder) / CREDENTIAL).read_text().rstrip("\n")
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def key_file(key: str) -> Iterator[str]:
    """Give a path from which OpenSSL can load a key.

    Args:
        key: a PEM file's path, or a PKCS#11 URI; its file lies in memory, since it may hold a PIN.
    """
    if not in_token(key):
        yield key
        return
    file = os.memfd_create("key")
    try:
        os.write(file, _pem(key))
        yield f"/proc/self/fd/{file}"
    finally:
        os.close(file)


def system_authorities() -> str | None:
    """Give the folder in which the system keeps its authorities, each under the hash of its name.

    From a folder, a connection reads the one authority that it needs. Reading the file that holds all of
    them takes 25 ms and 1 MiB at each start.

    Returns:
        None if there is no such folder, or if the environment names a file.
    """
    folder = ssl.get_default_verify_paths().capath  # SSL_CERT_DIR, else what OpenSSL was built for
    if not folder or os.environ.get("SSL_CERT_FILE"):
        return None
    return folder if next(Path(folder).glob(_HASHED), None) else None


def unusable_authorities(file: str) -> str | None:
    """Say, as the rest of a sentence, why a file can't be used as authorities; None if it can."""
    try:
        ssl.create_default_context(cafile=file)
    except (OSError, ValueError) as error:
        return f"can't be used ({_reason(error)}); name a PEM file with the authorities to trust"
    return None


def unusable_certificate(certificate: str, key: str, secret: str | None) -> tuple[str, str] | None:
    """Load a certificate and its key, to see whether that works.

    Args:
        certificate: a PEM file's path.
        key: a PEM file's path, or a PKCS#11 URI.
        secret: the key's password, or the token's PIN.

    Returns:
        Which key of the configuration is wrong, and the rest of the sentence; None if all is well.
    """
    asked = False

    def ask() -> str:
        """Answer OpenSSL, which would ask on the terminal otherwise."""
        nonlocal asked
        asked = True
        return secret or ""

    try:
        with key_file(key) as path:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, path, ask)
    except (OSError, ValueError) as error:
        reason = _reason(error)
    else:
        return None
    if "key values mismatch" in reason:
        return "ssl_key", "is not the key of the certificate in ssl_cert; name the two that belong together"
    if asked and not secret:
        return "ssl_key", f"is protected; give its password or PIN as the systemd credential {CREDENTIAL}"
    if asked:
        return "ssl_key", f"does not open with the password or PIN in the systemd credential {CREDENTIAL}"
    if in_token(key):
        return "ssl_key", (
            f"is not found by any provider of OpenSSL ({reason}): activate pkcs11-provider in the file that OPENSSL_CONF "
            "names, and check the URI"
        )
    return "ssl_cert", f"and ssl_key can't be used ({reason}); name a certificate and its key in PEM"


def _reason(error: Exception) -> str:
    """OpenSSL's reason in words, or the system's."""
    reason = getattr(error, "reason", "") or getattr(error, "strerror", "") or type(error).__name__
    return str(reason).replace("_", " ").lower()


def _pem(uri: str) -> bytes:
    """Write a PKCS#11 URI as pkcs11-provider wants it: SEQUENCE { VisibleString, UTF8String }, in PEM."""
    content = _der(0x1A, _DESCRIPTION.encode()) + _der(0x0C, uri.encode())
    text = base64.encodebytes(_der(0x30, content)).decode()
    return f"-----BEGIN {_LABEL}-----\n{text}-----END {_LABEL}-----\n".encode()


def _der(tag: int, content: bytes) -> bytes:
    """Write one element in DER (X.690): tag, length, content."""
    size = len(content)
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    length = bytes([size]) if size < 0x80 else bytes([0x80 | len(octets)]) + octets  # noqa: PLR2004  X.690, 8.1.3
    return bytes([tag]) + length + content
