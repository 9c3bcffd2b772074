# SPDX-License-Identifier: LGPL-2.1-or-later
"""Readers: each makes a value of what is written for one key, or says what is wrong with it.

A reader knows neither the other keys nor the files that a value names. No sentence quotes a value,
because it may be a secret.
"""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from hawkbit_rauc.config import keyfile
from hawkbit_rauc.net import tls
from hawkbit_rauc.net.urls import origin_of, split

DAY = 86400

#: GLib's words (and rauc-hawkbit's) for logging's levels; nothing of ours lies between info and message.
LOG_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "message": logging.INFO,
    "warning": logging.WARNING,
    "warn": logging.WARNING,
    "critical": logging.ERROR,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
}

#: What is wrong with a folder in place of the bundle's file.
IS_FOLDER = "is a folder; append a file's name, such as bundle.raucb"

_LONGEST_ID = 256
_LONGEST_NAME = 128
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]+\.(service|target|mount|path|socket|timer|device)")


class MistakeError(Exception):
    """A value can't work; the message continues "[client] KEY " and holds the remedy."""


@frozen
class Written:
    """What is written for a key.

    Attributes:
        raw: the value as it stands in the file.
        default: what counts if nothing is written, as it would be written.
        advise: takes what could be better about the value; the text continues "[client] KEY ".
    """

    raw: str
    default: str
    advise: Callable[[str], None]

    def text(self) -> str:
        """Return the value without escapes."""
        if _has_surrogates(self.raw):
            raise MistakeError("is not UTF-8; write the file in UTF-8")
        value, known = keyfile.unescape(self.raw)
        if not known:
            self.advise("has a backslash that begins no escape; write \\\\ for a backslash")
        return value


def _has_surrogates(text: str) -> bool:
    """Say whether the file was not UTF-8 here, which decoding leaves as lone surrogates."""
    return any("\ud800" <= character <= "\udfff" for character in text)


@frozen
class Number:
    """Reads a whole number within limits; 0 stands for the default if it is below them."""

    unit: str
    low: int = 0
    high: int = 7 * DAY

    def __call__(self, written: Written) -> int:
        """Read it as GLib does, from the raw value."""
        value = keyfile.integer(written.raw)
        default = written.default
        if value == 0 and self.low > 0:
            # 0 is libcurl's "wait for ever" in the C program's files: those must go on working.
            written.advise(f"is 0, which is taken as the default, {default}; remove it or write a number")
            return int(default)
        if value is None or not self.low <= value <= self.high:
            raise MistakeError(
                f"is not a whole number from {self.low} to {self.high}; write one, such as {default}"
            )
        return value


@frozen
class Choice:
    """Reads one of some words."""

    words: tuple[str, ...]

    def __call__(self, written: Written) -> str:
        """An empty text stands for the default."""
        value = written.text() or written.default
        if value not in self.words:
            raise MistakeError(f"is none of {', '.join(self.words)}; write one of them")
        return value


def boolean(written: Written) -> bool:
    """Read true or false; an empty text is neither, as in the C program."""
    value = keyfile.boolean(written.text())
    if value is None:
        raise MistakeError("is neither true nor false; write one of them")
    return value


def text(written: Written) -> str:
    """Read any text."""
    return written.text()


def words(written: Written) -> tuple[str, ...]:
    """Read what is written between semicolons, without white space around it."""
    parts = [part.strip() for part in written.text().split(";")]
    return tuple(part for part in parts if part)


def log_level(written: Written) -> int:
    """Read a log level; an unknown one is no reason not to start (as in the C program)."""
    word = written.text().lower() or written.default
    if word not in LOG_LEVELS:
        written.advise(f"is none of {', '.join(LOG_LEVELS)}; {written.default} is used instead")
        word = written.default
    return LOG_LEVELS[word]


def secret(written: Written) -> str | None:
    """Read a token, fit for an HTTP header (RFC 9110 section 5.5)."""
    value = written.text()
    if not (value.isascii() and value.isprintable()):
        raise MistakeError("has characters that no token has; copy it again from hawkBit")
    return value or None


def identifier(written: Written) -> str:
    """Read a controller or tenant id that hawkBit can be asked with.

    hawkBit refuses slashes, backslashes, percent signs and semicolons even when encoded, white space
    always, and registers no controller by itself if its id is longer than a name may be.
    """
    value = written.text() or written.default
    if value in {".", ".."} or re.search(r"[\s/\\%;\x00-\x1f\x7f]", value):
        raise MistakeError("has characters that hawkBit refuses; write it without white space and / \\ % ;")
    if len(value) > _LONGEST_ID:
        raise MistakeError(f"is longer than {_LONGEST_ID} characters, which hawkBit refuses; shorten it")
    if len(value) > _LONGEST_NAME:
        written.advise(f"is longer than {_LONGEST_NAME} characters: create the target in hawkBit by hand")
    elif "{" in value:
        # hawkBit fills its download links in from patterns with {placeholders}.
        written.advise("has braces, which hawkBit may leave out of download links; use other characters")
    return value


def path(written: Written) -> Path | None:
    """Read an absolute path."""
    value = written.text()
    if not value:
        return None
    if not value.startswith("/"):
        raise MistakeError("is no absolute path; begin it with /")
    return Path(value)


def pem_file(written: Written) -> Path | None:
    """Read the path of a PEM file."""
    if tls.in_token(written.text()):
        raise MistakeError(
            "is a PKCS#11 URI, which only ssl_key can be; write it to a PEM file and name that"
        )
    return path(written)


def pem_file_or_uri(written: Written) -> str | None:
    """Read the path of a client certificate's key, or its PKCS#11 URI (RFC 7512)."""
    value = written.text()
    if tls.in_token(value):
        return value
    found = path(written)
    return str(found) if found else None


def bundle_file(written: Written) -> Path | None:
    """Read the path of a file that bundles are downloaded to."""
    found = path(written)
    if found is None:
        return None
    if written.text().endswith(("/", "/.", "/..")):
        raise MistakeError(IS_FOLDER)
    if found.is_relative_to("/tmp") or found.is_relative_to("/run"):  # noqa: S108  only looked at
        written.advise("is often in memory and gone after a boot: name a file on the data partition")
    return found


def proxy(written: Written) -> str | None:
    """Read a proxy's URL, with user and password if the proxy wants them."""
    value = written.text()
    if not value:
        return None
    scheme, separator, rest = value.partition("://")
    user, _, place = rest.rpartition("@")
    url = split(f"{scheme}{separator}{place}")
    if scheme not in {"http", "https"} or not url or url.path.strip("/") or "/" in user:
        raise MistakeError("is no proxy's URL; write such as http://proxy.example.com:3128")
    return value


def origins(written: Written) -> tuple[str, ...]:
    """Read a list of origins, each in the one form that origins are compared in."""
    found = []
    for item in re.split(r"[;,\s]+", written.text()):
        if not item:
            continue
        url = split(item) if item.lower().startswith(("https://", "http://")) else None
        if not url or url.path.strip("/"):
            raise MistakeError(
                "is no list of origins; write such as https://cdn.example.com;https://host:8443"
            )
        if url.scheme == "http":
            written.advise("names plain http: credentials sent there can be read on the way")
        found.append(origin_of(url))
    return tuple(dict.fromkeys(found))


def unit(written: Written) -> str | None:
    """Read the name of a systemd unit."""
    value = written.text()
    if value and not _UNIT.fullmatch(value):
        raise MistakeError("is no unit's name; write it in full, such as rauc-mark-good.service")
    return value or None


def reboot(written: Written) -> str | tuple[str, ...] | None:
    """Read "logind", a command with its arguments, or None for no reboot."""
    value = written.text() or written.default
    if value == "none":
        return None
    if value == "logind":
        return value
    try:
        command = shlex.split(value)
    except ValueError:
        command = []
    if not (command and command[0].startswith("/")):
        raise MistakeError("is neither none, logind nor a command; begin a command with the / of its path")
    return tuple(command)
