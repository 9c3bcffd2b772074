# SPDX-License-Identifier: LGPL-2.1-or-later
"""The values of a configuration file, checked one by one, with all mistakes gathered.

A check that fails notes a sentence with file, section, key and remedy, and returns something harmless,
so that the next mistake is found too. No sentence quotes a value: it may be a secret.
"""

from __future__ import annotations

import difflib
import logging
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult

from hawkbit_rauc.config import keyfile
from hawkbit_rauc.net import tls
from hawkbit_rauc.net.urls import origin_of, split

SECTIONS = ("client", "device")

#: All keys of [client].
KEYS = (
    *("hawkbit_server", "ssl", "ssl_verify", "ca_file", "proxy", "tenant_id", "target_name"),
    *("auth_token", "gateway_token", "ssl_key", "ssl_cert", "ssl_engine"),
    *("bundle_part", "bundle_pattern", "other_artifacts"),
    *("bundle_download_location", "stream_bundle", "stream_fallback", "resume_downloads"),
    *("download_speed_limit", "low_speed_time", "low_speed_rate"),
    *("send_download_authentication", "download_origins"),
    *("connect_timeout", "timeout", "retry_wait", "first_poll_within", "once_timeout", "give_up_after"),
    *("hooks", "hook_timeout", "soft", "keep_downloaded", "confirmation", "auto_confirmation"),
    *("report_success", "distribution_set", "commit_witness", "mark_good", "commit_timeout"),
    *("reboot", "post_update_reboot", "post_update_close"),
    *("log_level", "rauc_attributes", "mac_address"),
)

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

_WEEK = 7 * 86400
_LONGEST_ID = 256
_LONGEST_NAME = 128
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]+\.(service|target|mount|path|socket|timer|device)")
_PLAIN_KEY = re.compile(r"[A-Za-z_-]{1,40}")


class Settings:
    """What a configuration file says, and what is wrong with it.

    Attributes:
        mistakes: what can't work.
        advice: what works and could be better.
    """

    def __init__(self, text: str, source: str) -> None:
        self._source = source
        self._file = keyfile.read(text)
        self._client = self._file.groups.get("client", {})
        self.mistakes = [f"{source}: line {line} {what}." for line, what in self._file.mistakes]
        self.advice: list[str] = []
        if "client" not in self._file.groups:
            self.mistakes.append(f"{source}: there is no section [client]; put [client] above its keys.")

    def mistake(self, key: str, what: str) -> None:
        """Note what is wrong with a key of [client], and the remedy."""
        self.mistakes.append(f"{self._source}: [client] {key} {what}.")

    def advise(self, key: str, what: str) -> None:
        """Note what could be better about a key of [client]."""
        self.advice.append(f"{self._source}: [client] {key} {what}.")

    def text(self, key: str) -> str:
        """Return a value; nothing where it is not set, empty or not UTF-8 (a mistake)."""
        if not (entry := self._client.get(key)):
            return ""
        if _has_surrogates(entry.raw):
            self.mistake(key, "is not UTF-8; write the file in UTF-8")
            return ""
        value, known = keyfile.unescape(entry.raw)
        if not known:
            self.advise(key, "has a backslash that begins no escape; write \\\\ for a backslash")
        return value

    def boolean(self, key: str, *, default: bool) -> bool:
        """Return a boolean."""
        if key not in self._client:
            return default
        value = keyfile.boolean(self.text(key))
        if value is None:
            self.mistake(key, "is neither true nor false; write one of them")
        return default if value is None else value

    def number(self, key: str, default: int, *, low: int = 0, high: int = _WEEK) -> int:
        """Return a whole number from low to high; where 0 is too low, it stands for the default."""
        if not (entry := self._client.get(key)):
            return default
        value = keyfile.integer(entry.raw)
        if value == 0 and low:
            self.advise(key, f"is 0, which is taken as the default, {default}; remove it or write a number")
            return default
        if value is None or not low <= value <= high:
            self.mistake(key, f"is not a whole number from {low} to {high}; write one, such as {default}")
            return default
        return value

    def choice(self, key: str, words: tuple[str, ...]) -> str:
        """Return one of some words, the first is the default."""
        value = self.text(key) or words[0]
        if value not in words:
            self.mistake(key, f"is none of {', '.join(words)}; write one of them")
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """Return what is written between semicolons, without white space around it."""
        return tuple(word for part in self.text(key).split(";") if (word := part.strip()))

    def log_level(self) -> int:
        """Return the log level; an unknown one is no reason not to start (as in the C program)."""
        word = self.text("log_level").lower() or "message"
        if word not in LOG_LEVELS:
            self.advise("log_level", f"is none of {', '.join(LOG_LEVELS)}; message is used instead")
        return LOG_LEVELS.get(word, logging.INFO)

    def reboot(self, key: str, older: str) -> str | tuple[str, ...] | None:
        """Return "logind", a command with its arguments, or None for no reboot; an older key only says whether."""
        wanted = self.boolean(older, default=False)
        value = self.text(key) or ("logind" if wanted else "none")
        if older in self._client and wanted is (value == "none"):
            self.mistake(older, f"contradicts {key}; remove one of them")
        if value in {"none", "logind"}:
            return None if value == "none" else value
        try:
            command = tuple(shlex.split(value))
        except ValueError:
            command = ("",)
        if not command[0].startswith("/"):
            self.mistake(key, "is neither none, logind nor a command; begin a command with the / of its path")
        return command

    def unit(self, key: str) -> str | None:
        """Return the name of a systemd unit."""
        if (value := self.text(key)) and not _UNIT.fullmatch(value):
            self.mistake(key, "is no unit's name; write it in full, such as rauc-mark-good.service")
        return value or None

    def secret(self, key: str) -> str | None:
        """Return a token, fit for an HTTP header (RFC 9110 section 5.5)."""
        if (value := self.text(key)) and not (value.isascii() and value.isprintable()):
            self.mistake(key, "has characters that no token has; copy it again from hawkBit")
        return value or None

    def identifier(self, key: str, *, default: str = "") -> str:
        """Return a controller or tenant id that hawkBit can be asked with.

        hawkBit refuses slashes, backslashes, percent signs and semicolons even when encoded, white space
        always, and registers no controller by itself whose id is longer than a name may be.
        """
        value = self.text(key) or default
        if not value:
            self.mistake(key, "is missing; write the id that hawkBit is to know the board by")
        elif value in {".", ".."} or re.search(r"[\s/\\%;\x00-\x1f\x7f]", value):
            self.mistake(
                key, "has characters that hawkBit refuses; write it without white space and / \\ % ;"
            )
        elif len(value) > _LONGEST_ID:
            self.mistake(key, f"is longer than {_LONGEST_ID} characters, which hawkBit refuses; shorten it")
        elif len(value) > _LONGEST_NAME:
            self.advise(
                key, f"is longer than {_LONGEST_NAME} characters: create the target in hawkBit by hand"
            )
        elif "{" in value:
            self.advise(
                key, "has braces, which hawkBit may leave out of download links; use other characters"
            )
        return value

    def path(self, key: str) -> Path | None:
        """Return an absolute path."""
        if not (value := self.text(key)):
            return None
        if not value.startswith("/"):
            self.mistake(key, "is no absolute path; begin it with /")
        return Path(value)

    def file(self, key: str, trouble: Callable[[Path], str | None]) -> Path | None:
        """Return the path of a file that can be read."""
        if tls.in_token(self.text(key)):
            self.mistake(
                key, "is a PKCS#11 URI, which only ssl_key can be; write it to a PEM file and name that"
            )
            return None
        path = self.path(key)
        if path and path.is_absolute() and (reason := trouble(path)):
            self.mistake(key, f"names a file that can't be read ({reason}); make it readable for this user")
        return path

    def key(self, key: str, trouble: Callable[[Path], str | None]) -> str | None:
        """Return the path of a client certificate's key, or its PKCS#11 URI (RFC 7512)."""
        if tls.in_token(uri := self.text(key)):
            return uri
        path = self.file(key, trouble)
        return str(path) if path else None

    def proxy(self, key: str) -> str | None:
        """Return a proxy's URL, with user and password where it wants them."""
        if not (value := self.text(key)):
            return None
        scheme, separator, rest = value.partition("://")
        user, _, place = rest.rpartition("@")
        url = split(f"{scheme}{separator}{place}")
        if scheme not in {"http", "https"} or not url or url.path.strip("/") or "/" in user:
            self.mistake(key, "is no proxy's URL; write such as http://proxy.example.com:3128")
        return value

    def bundle(self, state_dir: Path, is_folder: Callable[[Path], bool]) -> Path:
        """Return where the bundle's file goes."""
        key = "bundle_download_location"
        path = self.path(key)
        if path is None:
            return state_dir / "bundle.raucb"
        if self.text(key).endswith(("/", "/.", "/..")) or is_folder(path):
            self.mistake(key, "is a folder; append a file's name, such as bundle.raucb")
        if path.is_relative_to("/tmp") or path.is_relative_to("/run"):  # noqa: S108  only looked at
            self.advise(key, "is often in memory and gone after a boot: name a file on the data partition")
        return path

    def authentication(self, *, ssl: bool) -> None:
        """See that there is exactly one way to authenticate."""
        both = ("ssl_key", "ssl_cert")
        for key, other in (both, both[::-1]):
            if self.text(key) and not self.text(other):
                self.mistake(other, f"is missing, and {key} is of no use without it; name its PEM file")
        certificate = any(self.text(key) for key in both)
        if certificate and not ssl:
            self.mistake("ssl", "is false, and a client certificate needs it; write ssl = true")
        ways = [key for key in ("auth_token", "gateway_token") if self.text(key)]
        ways += ["ssl_cert"] * certificate
        if not ways:
            self.mistake(
                "auth_token", "is missing; set one of auth_token, gateway_token, ssl_key with ssl_cert"
            )
        for way in ways[1:]:
            self.mistake(way, f"is one way to authenticate too many beside {ways[0]}; remove one of them")

    def later(self) -> None:
        """Refuse what the C program can do and this one can't, and only where it is asked for."""
        if not self.boolean("post_update_close", default=True):
            self.mistake(
                "post_update_close",
                "= false is not supported; remove it, report_success says when an action ends",
            )

    def server(self, *, ssl: bool) -> SplitResult | None:
        """Return hawkBit's address as a URL; `ssl` decides about the scheme."""
        key, scheme = "hawkbit_server", "https" if ssl else "http"
        if not (value := self.text(key)):
            self.mistake(key, "is missing; write HOST or HOST:PORT")
            return None
        named, separator, rest = value.rpartition("://")
        if separator and named.lower() != scheme:
            self.mistake(
                key, f"names a scheme, but ssl = {str(ssl).lower()} means {scheme}; write HOST:PORT alone"
            )
            return None
        url = split(f"{scheme}://{rest}")
        if url is None:
            self.mistake(
                key, "is no HOST, HOST:PORT, [IPV6]:PORT or HOST/PREFIX (other names in Punycode); write one"
            )
        return url

    def origins(self) -> tuple[str, ...]:
        """Return the further origins that may get credentials."""
        key = "download_origins"
        found = []
        for item in re.split(r"[;,\s]+", self.text(key)):
            url = split(item) if item.lower().startswith(("https://", "http://")) else None
            if url and not url.path.strip("/"):
                found.append(origin_of(url))
                if url.scheme == "http":
                    self.advise(key, "names plain http: credentials sent there can be read on the way")
            elif item:
                self.mistake(
                    key, "is no list of origins; write such as https://cdn.example.com;https://host:8443"
                )
                break
        return tuple(dict.fromkeys(found))

    def attributes(self) -> dict[str, str]:
        """Return the controller's attributes as written ([device] is read without escapes).

        rauc-hawkbit 0.2 had `mac_address` in [client] and sent it as MAC.
        """
        mac = {"MAC": value} if (value := self.text("mac_address")) else {}
        device = self._file.groups.get("device", {})
        return mac | {
            _printable(key): _printable(entry.raw.rstrip(keyfile.WHITE)) for key, entry in device.items()
        }

    def unknown(self) -> tuple[str, ...]:
        """Return a sentence for each section and key that nobody knows."""
        found = [
            f"{self._source}: section {_quote(name, SECTIONS, '[{}]')} is unknown and ignored."
            for name in self._file.groups
            if name not in SECTIONS
        ]
        found += [
            f"{self._source}: [client] line {entry.line}: key {_quote(key, KEYS, '{}')} is unknown and ignored."
            for key, entry in self._client.items()
            if key not in KEYS
        ]
        return tuple(found)


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _quote(name: str, known: tuple[str, ...], form: str) -> str:
    """Name a key or section with the nearest known one; what may be a stray token is not quoted."""
    if not _PLAIN_KEY.fullmatch(name):
        return "(not quoted here)"
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return form.format(name) + (f" (did you mean {form.format(near[0])}?)" if near else "")
