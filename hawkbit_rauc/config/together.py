# SPDX-License-Identifier: LGPL-2.1-or-later
"""What several keys of [client] mean together, and whether they contradict each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult

from hawkbit_rauc.config.keys import KEYS
from hawkbit_rauc.config.settings import Settings
from hawkbit_rauc.net.urls import split


def read(settings: Settings) -> dict[str, Any]:
    """Return the value of each key of [client], those last whose default depends on others.

    What can't work is noted in the settings, whether in one key or in several together.
    """
    values = {key: settings.value(key) for key in KEYS if key not in ("connect_timeout", "reboot")}
    values["connect_timeout"] = _connect_timeout(settings, timeout=values["timeout"])
    values["reboot"] = _reboot(settings, wanted=values["post_update_reboot"])
    _check_authentication(settings, ssl=values["ssl"])
    _check_the_rest(settings, values)
    return values


def server(settings: Settings, address: str, *, ssl: bool) -> SplitResult | None:
    """Return hawkBit's address as a URL; `ssl` decides about the scheme."""
    key = "hawkbit_server"
    scheme = "https" if ssl else "http"
    if not settings.has(key):
        settings.mistake(key, "is missing; write HOST or HOST:PORT")
        return None
    if not address:  # it could not be read, which is noted already
        return None
    named, separator, rest = address.rpartition("://")
    if separator and named.lower() != scheme:
        settings.mistake(
            key, f"names a scheme, but ssl = {str(ssl).lower()} means {scheme}; write HOST:PORT alone"
        )
        return None
    url = split(f"{scheme}://{rest}")
    if url is None:
        settings.mistake(
            key, "is no HOST, HOST:PORT, [IPV6]:PORT or HOST/PREFIX (other names in Punycode); write one"
        )
    return url


def _connect_timeout(settings: Settings, *, timeout: int) -> int:
    """Return the seconds for a connection; its default is fitted to the seconds for a request."""
    key = "connect_timeout"
    default = min(int(KEYS[key].default), timeout)
    value: int = settings.value(key, str(default))
    if value > timeout:
        settings.mistake(key, "is longer than timeout; make timeout the longer one")
    return value


def _reboot(settings: Settings, *, wanted: bool) -> str | tuple[str, ...] | None:
    """Return how to reboot; the C program's `post_update_reboot` only says whether it is wanted."""
    how: str | tuple[str, ...] | None = settings.value("reboot", "logind" if wanted else "none")
    if settings.has("post_update_reboot") and wanted != (how is not None):
        settings.mistake("post_update_reboot", "contradicts reboot; remove one of them")
    return how


def _check_authentication(settings: Settings, *, ssl: bool) -> None:
    """See that there is exactly one way to authenticate."""
    has_key, has_certificate = settings.has("ssl_key"), settings.has("ssl_cert")
    if has_key and not has_certificate:
        settings.mistake("ssl_cert", "is missing, and ssl_key is of no use without it; name its PEM file")
    if has_certificate and not has_key:
        settings.mistake("ssl_key", "is missing, and ssl_cert is of no use without it; name its PEM file")
    if (has_key or has_certificate) and not ssl:
        settings.mistake("ssl", "is false, and a client certificate needs it; write ssl = true")
    ways = [key for key in ("auth_token", "gateway_token") if settings.has(key)]
    if has_key or has_certificate:
        ways.append("ssl_cert")
    if not ways:
        settings.mistake(
            "auth_token", "is missing; set one of auth_token, gateway_token, ssl_key with ssl_cert"
        )
    for way in ways[1:]:
        settings.mistake(way, f"is one way to authenticate too many beside {ways[0]}; remove one of them")


def _check_the_rest(settings: Settings, values: Mapping[str, Any]) -> None:
    if not settings.has("target_name"):
        settings.mistake("target_name", "is missing; write the id that hawkBit is to know the board by")
    if values["ssl"] and not values["ssl_verify"]:
        settings.advise(
            "ssl_verify", "= false lets anybody pose as the server; name the server's CA in ca_file"
        )
    if not values["post_update_close"]:
        settings.mistake(
            "post_update_close",
            "= false is not supported; remove it, report_success says when an action ends",
        )
    if values["mark_good"] == "own" and settings.has("commit_witness"):
        settings.mistake("commit_witness", "is of no use with mark_good = own; remove one of them")
    if values["other_artifacts"] == "hook" and not settings.has("hooks"):
        settings.mistake("other_artifacts", "= hook needs a program to take them; name its folder in hooks")
