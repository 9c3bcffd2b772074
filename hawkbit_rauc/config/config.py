# SPDX-License-Identifier: LGPL-2.1-or-later
"""The configuration: text in, a frozen `Config` out, or `ConfigError` with all mistakes at once.

A superset of rauc-hawkbit-updater's `config.conf` and rauc-hawkbit's `config.cfg`; docs/configuration.md
lists each key. Sentences name file, section, key and remedy, and never quote a value: it may be a secret.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from attrs import evolve, field, frozen

from hawkbit_rauc.config.settings import Settings
from hawkbit_rauc.errors import ConfigError
from hawkbit_rauc.net import tls
from hawkbit_rauc.net.urls import origin_of

#: Where the configuration is looked for, the first that exists wins.
DEFAULT_PATHS = (Path("/etc/hawkbit-rauc/config.conf"), Path("/etc/rauc-hawkbit-updater/config.conf"))

_DAY = 86400
_WEEK = 7 * _DAY
_LARGEST_FILE = 1 << 20


@frozen
class Config:
    """A configuration that can work; the attributes are named as the keys (docs/configuration.md).

    Attributes:
        source: the file, as in sentences.
        base_url: scheme, host, port where it is not the scheme's own, and path prefix of hawkBit,
            without a slash at the end.
        origin: the same without the prefix, in lower case.
        proxy: URL of the proxy for all requests, None for what the environment says.
        ssl_key: absolute path of a PEM file, or a PKCS#11 URI.
        ssl_key_password: of the key, or the PIN of its token, from the systemd credential.
        bundle_download_location: absolute path of the bundle's file.
        bundle_pattern: names of bundles, in the order of their installation; see `bundles.Choice`.
        download_origins: further origins, written as `origin`, that may get credentials.
        connect_timeout, timeout, retry_wait, first_poll_within, once_timeout, give_up_after,
            keep_downloaded, commit_timeout: seconds; all but first_poll_within are above 0.
        low_speed_time: seconds below low_speed_rate (bytes a second) that end a download; 0: never.
        download_speed_limit: bytes a second, 0 without limit.
        reboot: "logind", a command with its arguments, or None where somebody else reboots.
        log_level: a level of `logging`.
        attributes: the controller's attributes as written; `attributes.fit` makes them fit for DDI.
        warnings: one sentence for each unknown key or section: `run` goes on, `check` fails.
        advice: one sentence for each thing that works but could be better.
    """

    source: str
    base_url: str
    origin: str
    target_name: str
    bundle_download_location: Path
    tenant_id: str = "DEFAULT"
    auth_token: str | None = field(default=None, repr=False)
    gateway_token: str | None = field(default=None, repr=False)
    proxy: str | None = field(default=None, repr=False)
    ssl_key: str | None = field(default=None, repr=False)
    ssl_key_password: str | None = field(default=None, repr=False)
    ssl_cert: Path | None = None
    ca_file: Path | None = None
    ssl_verify: bool = True
    bundle_part: str = ""
    bundle_pattern: tuple[str, ...] = ()
    other_artifacts: str = "ignore"
    stream_bundle: bool = False
    stream_fallback: bool = False
    resume_downloads: bool = True
    download_speed_limit: int = 0
    low_speed_time: int = 60
    low_speed_rate: int = 100
    send_download_authentication: bool = True
    download_origins: tuple[str, ...] = ()
    connect_timeout: int = 20
    timeout: int = 60
    retry_wait: int = 300
    first_poll_within: int = 60
    once_timeout: int = 30
    give_up_after: int = _DAY
    hooks: Path | None = None
    hook_timeout: int = 60
    soft: str = "install"
    keep_downloaded: int = 30 * _DAY
    confirmation: str = "ask"
    auto_confirmation: str = "leave"
    report_success: str = "booted"
    distribution_set: str = ""
    commit_witness: str | None = None
    mark_good: str = "observe"
    commit_timeout: int = 1800
    reboot: str | tuple[str, ...] | None = None
    log_level: int = logging.INFO
    rauc_attributes: bool = True
    attributes: Mapping[str, str] = field(factory=dict)
    warnings: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()


def find_config() -> Path:
    """Return the first default path that exists, else the first of all (whose absence `load` explains)."""
    return next((path for path in DEFAULT_PATHS if _is_there(path)), DEFAULT_PATHS[0])


def load(path: Path, *, state_dir: Path) -> Config:
    """Read a configuration file, and look at the files that it names.

    Args:
        path: the file.
        state_dir: the state folder, where the bundle goes unless the configuration says otherwise.

    Returns:
        The configuration.

    Raises:
        ConfigError: the file can't be read, or what it says can't work.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise ConfigError(
            [f"{path} can't be read ({reason}): name an existing, readable file with --config."]
        ) from None
    if len(data) > _LARGEST_FILE:
        raise ConfigError([f"{path} is larger than 1 MiB: name a configuration file with --config."])
    # Only values have to be UTF-8 (GLib); what is not is found again as lone surrogates.
    config = _build(data.decode("utf-8", "surrogateescape"), str(path), state_dir, _Disk())
    if mode & stat.S_IROTH and stat.S_ISREG(mode) and (config.auth_token or config.gateway_token):
        advice = f"{path} holds a token and can be read by everybody: take that away with chmod o-r."
        config = evolve(config, advice=(*config.advice, advice))
    return config


def parse(text: str, source: str, *, state_dir: Path = Path("/var/lib/hawkbit-rauc")) -> Config:
    """Read a configuration without looking at any file.

    Args:
        text: what the file says.
        source: the file's name for sentences.
        state_dir: the state folder, where the bundle goes unless the configuration says otherwise.

    Returns:
        The configuration.

    Raises:
        ConfigError: what the text says can't work.
    """
    return _build(text, source, state_dir, _NoDisk())


def _is_there(path: Path) -> bool:
    """Say whether a file exists; one in a folder that we may not look into does, so that `load` says so."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


class _NoDisk:
    """What `parse` knows of the files that a configuration names: nothing."""

    password: str | None = None

    def is_folder(self, _path: Path) -> bool:
        return False

    def trouble(self, _path: Path) -> str | None:
        """Say why a file can't be read, None where it can."""
        return None

    def unusable_authorities(self, _path: Path) -> str | None:
        return None

    def unusable_certificate(self, _certificate: Path, _key: str) -> tuple[str, str] | None:
        return None


class _Disk(_NoDisk):
    """What `load` finds."""

    def __init__(self) -> None:
        self.password = tls.password()

    def is_folder(self, path: Path) -> bool:
        try:
            return stat.S_ISDIR(path.stat().st_mode)
        except (OSError, ValueError):
            return False

    def trouble(self, path: Path) -> str | None:
        try:
            with path.open("rb"):
                return None
        except (OSError, ValueError) as error:
            return (error.strerror if isinstance(error, OSError) else None) or "no usable path"

    def unusable_authorities(self, path: Path) -> str | None:
        return None if self.trouble(path) else tls.unusable_authorities(str(path))

    def unusable_certificate(self, certificate: Path, key: str) -> tuple[str, str] | None:
        if self.trouble(certificate) or not (tls.in_token(key) or not self.trouble(Path(key))):
            return None  # that is told by itself
        return tls.unusable_certificate(str(certificate), key, self.password)


def _build(text: str, source: str, state_dir: Path, disk: _NoDisk) -> Config:
    settings = Settings(text, source)
    ssl = settings.boolean("ssl", default=True)
    url = settings.server(ssl=ssl)
    settings.authentication(ssl=ssl)
    settings.later()
    verify = settings.boolean("ssl_verify", default=True)
    if ssl and not verify:
        settings.advise(
            "ssl_verify", "= false lets anybody pose as the server; name the server's CA in ca_file"
        )
    timeout = settings.number("timeout", 60, low=1)
    connect_timeout = settings.number("connect_timeout", min(20, timeout), low=1)
    if connect_timeout > timeout:
        settings.mistake("connect_timeout", "is longer than timeout; make timeout the longer one")
    config = Config(
        source=source,
        base_url=origin_of(url) + url.path.rstrip("/") if url else "",
        origin=origin_of(url) if url else "",
        target_name=settings.identifier("target_name"),
        tenant_id=settings.identifier("tenant_id", default="DEFAULT"),
        auth_token=settings.secret("auth_token"),
        gateway_token=settings.secret("gateway_token"),
        proxy=settings.proxy("proxy"),
        ssl_key=settings.key("ssl_key", disk.trouble),
        ssl_key_password=disk.password,
        ssl_cert=settings.file("ssl_cert", disk.trouble),
        ca_file=settings.file("ca_file", disk.trouble),
        ssl_verify=verify,
        bundle_download_location=settings.bundle(state_dir, disk.is_folder),
        bundle_part=settings.text("bundle_part"),
        bundle_pattern=settings.words("bundle_pattern"),
        other_artifacts=settings.choice("other_artifacts", ("ignore", "refuse", "hook")),
        stream_bundle=settings.boolean("stream_bundle", default=False),
        stream_fallback=settings.boolean("stream_fallback", default=False),
        resume_downloads=settings.boolean("resume_downloads", default=True),
        download_speed_limit=settings.number("download_speed_limit", 0, high=10**12),
        low_speed_time=settings.number("low_speed_time", 60),
        low_speed_rate=settings.number("low_speed_rate", 100, high=10**12),
        send_download_authentication=settings.boolean("send_download_authentication", default=True),
        download_origins=settings.origins(),
        connect_timeout=connect_timeout,
        timeout=timeout,
        retry_wait=settings.number("retry_wait", 300, low=1),
        first_poll_within=settings.number("first_poll_within", 60, high=_DAY),
        once_timeout=settings.number("once_timeout", 30, low=1),
        give_up_after=settings.number("give_up_after", _DAY, low=1, high=366 * _DAY),
        hooks=settings.path("hooks"),
        hook_timeout=settings.number("hook_timeout", 60, low=1),
        soft=settings.choice("soft", ("install", "ask")),
        keep_downloaded=settings.number("keep_downloaded", 30 * _DAY, low=1, high=366 * _DAY),
        confirmation=settings.choice("confirmation", ("ask", "allow", "deny")),
        auto_confirmation=settings.choice("auto_confirmation", ("leave", "on", "off")),
        report_success=settings.choice("report_success", ("booted", "installed")),
        distribution_set=settings.text("distribution_set"),
        commit_witness=settings.unit("commit_witness"),
        mark_good=settings.choice("mark_good", ("observe", "own")),
        commit_timeout=settings.number("commit_timeout", 1800, low=1, high=_WEEK),
        reboot=settings.reboot("reboot", "post_update_reboot"),
        log_level=settings.log_level(),
        rauc_attributes=settings.boolean("rauc_attributes", default=True),
        attributes=settings.attributes(),
        warnings=settings.unknown(),
    )
    _check_tls(config, settings, disk)
    if config.mark_good == "own" and config.commit_witness:
        settings.mistake("commit_witness", "is of no use with mark_good = own; remove one of them")
    if config.other_artifacts == "hook" and config.hooks is None:
        settings.mistake("other_artifacts", "= hook needs a program to take them; name its folder in hooks")
    if settings.mistakes:
        raise ConfigError(list(dict.fromkeys(settings.mistakes)))
    return evolve(config, advice=tuple(dict.fromkeys(settings.advice)))


def _check_tls(config: Config, settings: Settings, disk: _NoDisk) -> None:
    """See that what the files hold can be used, and by RAUC too where it fetches the bundle."""
    if config.ca_file and (why := disk.unusable_authorities(config.ca_file)):
        settings.mistake("ca_file", why)
    if not (config.ssl_cert and config.ssl_key):
        return
    if wrong := disk.unusable_certificate(config.ssl_cert, config.ssl_key):
        settings.mistake(*wrong)
    if config.stream_bundle and config.ssl_key_password:
        settings.mistake(
            "stream_bundle", "= true and a protected ssl_key don't go together: RAUC takes no password"
        )
