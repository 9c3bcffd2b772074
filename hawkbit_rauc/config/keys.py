# SPDX-License-Identifier: LGPL-2.1-or-later
"""The keys of the configuration, a row for each: what reads it, its default, and its help.

All that is known of a key stands here: the file is read by these rows, the nearest known key is looked
for among them, and a test holds the table in docs/configuration.md to them. What several keys mean
together is in `together`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from attrs import frozen

from hawkbit_rauc.config.readers import (
    DAY,
    Choice,
    Number,
    Written,
    boolean,
    bundle_file,
    identifier,
    log_level,
    origins,
    path,
    pem_file,
    pem_file_or_uri,
    proxy,
    reboot,
    secret,
    text,
    unit,
    words,
)

#: What may stand in brackets; the keys of [device] are the board's own.
SECTIONS = ("client", "device")


class Program(Enum):
    """The programs whose files can be read."""

    UPDATER = "rauc-hawkbit-updater"
    PREDECESSOR = "rauc-hawkbit"
    OURS = "hawkbit-rauc"


@frozen
class Key:
    """What is known of a key of [client].

    Attributes:
        reader: makes a value of what is written.
        default: what counts if nothing is written, as it would be written; empty for nothing.
        help: plain text for whoever writes the file.
        program: the first program that had the key.
        default_in_words: the default, if `default` does not tell it.
    """

    name: str
    reader: Callable[[Written], Any]
    default: str
    help: str
    program: Program = Program.UPDATER
    default_in_words: str = ""

    @property
    def told_default(self) -> str:
        """The default as people are told."""
        return self.default_in_words or self.default or "none"


_OURS = Program.OURS
_REQUIRED = "(required)"
_ONE_WAY = "(one way required)"

_ROWS = (
    # ---------------------------------------------------------------- the server
    Key(
        "hawkbit_server",
        text,  # the form depends on `ssl`
        "",
        "Address of hawkBit: HOST, HOST:PORT or [IPV6]:PORT, each with a path prefix if a proxy needs one.",
        default_in_words=_REQUIRED,
    ),
    Key("ssl", boolean, "true", "Whether to speak https rather than http."),
    Key("ssl_verify", boolean, "true", "Whether to verify the server's certificate."),
    Key(
        "ca_file",
        pem_file,
        "",
        "PEM file with the certificate authorities to trust instead of the system's.",
        Program.PREDECESSOR,
    ),
    Key(
        "proxy",
        proxy,
        "",
        "URL of a proxy for all requests, such as http://user:password@proxy.example.com:3128.",
        _OURS,
    ),
    # ---------------------------------------------------------------- who the board is
    Key("tenant_id", identifier, "DEFAULT", "Tenant in hawkBit that the board belongs to."),
    Key(
        "target_name",
        identifier,
        "",
        "Controller id of this board.",
        default_in_words=_REQUIRED,
    ),
    Key(
        "auth_token",
        secret,
        "",
        "Target token (security token) of this board.",
        default_in_words=_ONE_WAY,
    ),
    Key("gateway_token", secret, "", "Gateway token of the tenant.", default_in_words=_ONE_WAY),
    Key(
        "ssl_key",
        pem_file_or_uri,
        "",
        "Key of a client certificate: a PEM file, or a pkcs11: URI.",
        default_in_words=_ONE_WAY,
    ),
    Key(
        "ssl_cert",
        pem_file,
        "",
        "PEM file with a client certificate; needs ssl_key and ssl = true.",
        default_in_words=_ONE_WAY,
    ),
    Key(
        "ssl_engine",
        text,
        "",
        "Accepted and without effect: OpenSSL's configuration names the provider of a key in a token.",
    ),
    # ---------------------------------------------------------------- the bundle
    Key(
        "bundle_part",
        text,
        "",
        "Type of the software modules that are searched for the bundle, such as os, if deployments hold others too.",
        _OURS,
    ),
    Key(
        "bundle_pattern",
        words,
        "",
        "File name of the bundle as shells match it, such as board-*.raucb, or several between semicolons, in the "
        "order of their installation.",
        _OURS,
    ),
    Key(
        "other_artifacts",
        Choice(("ignore", "refuse", "hook")),
        "ignore",
        "What to do with artifacts of a deployment that are not the bundle: ignore them and say so in the history, "
        "refuse the deployment, or give each to the board's own programs (hook).",
        _OURS,
    ),
    Key(
        "bundle_download_location",
        bundle_file,
        "",
        "Absolute path of the file that the bundle is downloaded to.",
        default_in_words="bundle.raucb in the state folder",
    ),
    Key(
        "stream_bundle",
        boolean,
        "false",
        "Whether RAUC fetches the bundle itself, piece by piece while it installs, so that it needs no room on the disk.",
    ),
    Key(
        "stream_fallback",
        boolean,
        "false",
        "Whether a bundle that can't be streamed is downloaded instead; otherwise the action fails, with the reason.",
        _OURS,
    ),
    # ---------------------------------------------------------------- downloads
    Key(
        "resume_downloads",
        boolean,
        "true",
        "Whether to go on with a download at the byte at which it broke off, also after a power cut.",
    ),
    Key(
        "download_speed_limit",
        Number("bytes a second", high=10**12),
        "0",
        "Bytes a second that a download may take, 0 for no limit.",
    ),
    Key(
        "low_speed_time",
        Number("seconds"),
        "60",
        "Seconds below low_speed_rate after which a download is broken off (and resumed later), 0 for never.",
    ),
    Key(
        "low_speed_rate",
        Number("bytes a second", high=10**12),
        "100",
        "Bytes a second below which a download is too slow, 0 for none.",
    ),
    Key(
        "send_download_authentication",
        boolean,
        "true",
        "Whether downloads from hawkBit's own origin get the token.",
    ),
    Key(
        "download_origins",
        origins,
        "",
        "Further origins that get the token with a download, such as https://cdn.example.com;https://host:8443.",
        _OURS,
    ),
    # ---------------------------------------------------------------- times
    Key(
        "connect_timeout",
        Number("seconds", low=1),
        "20",
        "Seconds that a connection may take to be made.",
    ),
    Key(
        "timeout",
        Number("seconds", low=1),
        "60",
        "Seconds that a request may take (a download: seconds without a byte).",
    ),
    Key(
        "retry_wait",
        Number("seconds", low=1),
        "300",
        "Longest pause in seconds between two tries after an error.",
    ),
    Key(
        "first_poll_within",
        Number("seconds", high=DAY),
        "60",
        "Seconds within which the first poll comes at random, so that a thousand boards "
        "that get power at once don't all ask at once.",
        _OURS,
    ),
    Key(
        "once_timeout",
        Number("seconds", low=1),
        "30",
        "Seconds without any success after which run --once gives up.",
        _OURS,
    ),
    Key(
        "give_up_after",
        Number("seconds", low=1, high=366 * DAY),
        str(DAY),
        "Seconds in which nothing moves because of passing troubles (full disk, lost server, busy RAUC), after which "
        "an action is closed as failed.",
        _OURS,
    ),
    # ---------------------------------------------------------------- consent and hooks
    Key(
        "hooks",
        path,
        "",
        "Folder with the board's own programs that are asked before a download, an installation and a reboot.",
        _OURS,
    ),
    Key(
        "hook_timeout",
        Number("seconds", low=1),
        "60",
        "Seconds that each program of a hook and each command in [device] may take.",
        _OURS,
    ),
    Key(
        "soft",
        Choice(("install", "ask")),
        "install",
        "What to do with actions that the server does not force (soft, and time-forced before their time): install "
        "them, or ask, to wait for consent on the board.",
        _OURS,
    ),
    Key(
        "keep_downloaded",
        Number("seconds", low=1, high=366 * DAY),
        str(30 * DAY),
        "Seconds that a bundle is kept if its action was to download only.",
        _OURS,
    ),
    Key(
        "confirmation",
        Choice(("ask", "allow", "deny")),
        "ask",
        "Who answers if the server wants consent before an action starts (hawkBit 0.5 and later): ask leaves it to "
        "somebody on the board or at the server, allow and deny answer at once.",
        _OURS,
    ),
    Key(
        "auto_confirmation",
        Choice(("leave", "on", "off")),
        "leave",
        "Whether the server is to confirm by itself: on, off, or leave it as it is.",
        _OURS,
    ),
    # ---------------------------------------------------------------- success and reboot
    Key(
        "report_success",
        Choice(("booted", "installed")),
        "booted",
        "When an action has succeeded: booted, when the new system runs and is committed, or installed, when RAUC has "
        "written it.",
        _OURS,
    ),
    Key(
        "distribution_set",
        text,
        "",
        "Name of the distribution set that hawkBit (0.6 and later) shows as installed "
        "when the board runs a bundle that no action brought.",
        _OURS,
    ),
    Key(
        "commit_witness",
        unit,
        "",
        "systemd unit that is active only when this boot is committed, such as rauc-mark-good.service.",
        _OURS,
    ),
    Key(
        "mark_good",
        Choice(("observe", "own")),
        "observe",
        "Who marks the booted slot good: observe leaves it to others, such as rauc-mark-good.service; own does it "
        "here, after the health hooks and, on the first boot of a new system, an answer of hawkBit.",
        _OURS,
    ),
    Key(
        "commit_timeout",
        Number("seconds", low=1),
        "1800",
        "Seconds that a new system gets to be marked good with mark_good = own, before its slot is marked bad.",
        _OURS,
    ),
    Key(
        "reboot",
        reboot,
        "none",
        "How to reboot after an installation, once the server has been told: none leaves it to somebody else, logind asks "
        "systemd-logind, anything else is a command that begins with the / of its path.",
        _OURS,
    ),
    Key(
        "post_update_reboot",
        boolean,
        "false",
        "Whether to reboot after an installation: true is reboot = logind, false is reboot = none.",
    ),
    Key(
        "post_update_close",
        boolean,
        "true",
        "Whether this program closes the action; false is not supported.",
    ),
    # ---------------------------------------------------------------- what is told
    Key(
        "log_level",
        log_level,
        "message",
        "How much is logged: debug, info, message, warning, critical, error or fatal.",
    ),
    Key("rauc_attributes", boolean, "true", "Whether hawkBit is told what RAUC knows of the board.", _OURS),
    Key(
        "mac_address",
        text,
        "",
        "Value of the attribute MAC, for files of rauc-hawkbit.",
        Program.PREDECESSOR,
    ),
)

#: The keys of [client] by name, in the order in which they are told.
KEYS = {key.name: key for key in _ROWS}
