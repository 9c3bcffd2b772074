# SPDX-License-Identifier: LGPL-2.1-or-later
"""The configuration: text in, a frozen `Config` out, or `ConfigError` with all mistakes at once.

A superset of rauc-hawkbit-updater's `config.conf` and rauc-hawkbit's `config.cfg`. `keys` has a row for each
key, with its default; docs/configuration.md explains them. Sentences name file, section, key and remedy,
and never quote a value: it may be a secret.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from attrs import evolve, field, frozen

from hawkbit_rauc.config import together
from hawkbit_rauc.config.readers import IS_FOLDER
from hawkbit_rauc.config.settings import Settings
from hawkbit_rauc.errors import ConfigError
from hawkbit_rauc.net import tls
from hawkbit_rauc.net.urls import origin_of

#: The files in which the configuration is looked for; the first that exists wins.
DEFAULT_PATHS = (Path("/etc/hawkbit-rauc/config.conf"), Path("/etc/rauc-hawkbit-updater/config.conf"))

_LARGEST_FILE = 1 << 20


@frozen(kw_only=True)
class Config:
    """A configuration that can work; attributes that are named as a key hold its value (`keys`).

    Attributes:
        source: the file, as in sentences.
        base_url: scheme, host, port if it is not the scheme's own, and path prefix of hawkBit,
            without a slash at the end.
        origin: the same without the prefix, in lower case.
        proxy: None for what the environment says.
        ssl_key: absolute path of a PEM file, or a PKCS#11 URI.
        ssl_key_password: of the key, or the PIN of its token, from the systemd credential.
        bundle_pattern: in the order of the installation; see `rules.bundles.Choice`.
        download_origins: written as `origin`.
        reboot: "logind", a command with its arguments, or None if somebody else reboots.
        log_level: a level of `logging`.
        attributes: the controller's attributes as written; `hawkbit.attributes` makes them fit for DDI.
        warnings: one sentence for each unknown key or section: `run` goes on, `check` fails.
        advice: one sentence for each thing that works but could be better.
    """

    source: str
    base_url: str
    origin: str
    ssl_verify: bool
    ca_file: Path | None
    proxy: str | None = field(repr=False)
    tenant_id: str
    target_name: str
    auth_token: str | None = field(repr=False)
    gateway_token: str | None = field(repr=False)
    ssl_key: str | None = field(repr=False)
    ssl_key_password: str | None = field(repr=False)
    ssl_cert: Path | None
    bundle_part: str
    bundle_pattern: tuple[str, ...]
    other_artifacts: str
    bundle_download_location: Path
    stream_bundle: bool
    stream_fallback: bool
    resume_downloads: bool
    download_speed_limit: int
    low_speed_time: int
    low_speed_rate: int
    send_download_authentication: bool
    download_origins: tuple[str, ...]
    connect_timeout: int
    timeout: int
    retry_wait: int
    first_poll_within: int
    once_timeout: int
    give_up_after: int
    hooks: Path | None
    hook_timeout: int
    soft: str
    keep_downloaded: int
    confirmation: str
    auto_confirmation: str
    report_success: str
    distribution_set: str
    commit_witness: str | None
    mark_good: str
    commit_timeout: int
    reboot: str | tuple[str, ...] | None
    log_level: int
    rauc_attributes: bool
    attributes: Mapping[str, str]
    warnings: tuple[str, ...]
    advice: tuple[str, ...]


def find_config() -> Path:
    """Return the first default path that exists, else the first of all (whose absence `load` explains)."""
    return next((path for path in DEFAULT_PATHS if _is_there(path)), DEFAULT_PATHS[0])


def load(path: Path, *, state_dir: Path) -> Config:
    """Read a configuration file, and look at the files that it names.

    Args:
        path: the file.
        state_dir: the state folder, to which the bundle goes unless the configuration says otherwise.

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
    settings = Settings(data.decode("utf-8", "surrogateescape"), str(path))
    config = evolve(_config(settings, state_dir), ssl_key_password=tls.password())
    _look_at_files(config, settings)
    if mode & stat.S_IROTH and stat.S_ISREG(mode) and (config.auth_token or config.gateway_token):
        settings.advice.append(
            f"{path} holds a token and can be read by everybody: take that away with chmod o-r."
        )
    return _checked(config, settings)


def parse(text: str, source: str, *, state_dir: Path) -> Config:
    """Read a configuration without looking at any file.

    Args:
        text: what the file says.
        source: the file's name for sentences.
        state_dir: the state folder, to which the bundle goes unless the configuration says otherwise.

    Raises:
        ConfigError: what the text says can't work.
    """
    settings = Settings(text, source)
    return _checked(_config(settings, state_dir), settings)


def _config(settings: Settings, state_dir: Path) -> Config:
    """Make a configuration of the settings; what can't work is noted in them."""
    values = together.read(settings)
    # These are no attributes: others hold what they mean.
    url = together.server(settings, values.pop("hawkbit_server"), ssl=values.pop("ssl"))
    mac_address = values.pop("mac_address")
    for key in ("ssl_engine", "post_update_reboot", "post_update_close"):
        del values[key]
    values["bundle_download_location"] = values["bundle_download_location"] or state_dir / "bundle.raucb"
    attributes = settings.attributes()
    if mac_address:  # rauc-hawkbit 0.2 had it in [client]
        attributes = {"MAC": mac_address} | attributes
    return Config(
        **values,
        source=settings.source,
        base_url=origin_of(url) + url.path.rstrip("/") if url else "",
        origin=origin_of(url) if url else "",
        ssl_key_password=None,
        attributes=attributes,
        warnings=settings.unknown(),
        advice=(),
    )


def _checked(config: Config, settings: Settings) -> Config:
    """Return the configuration with all advice, unless there are mistakes."""
    if settings.mistakes:
        # A key that is missing may be there, but misspelt: so what is unknown is told along with it.
        raise ConfigError(list(dict.fromkeys([*settings.mistakes, *config.warnings])))
    return evolve(config, advice=tuple(dict.fromkeys(settings.advice)))


# ---------------------------------------------------------------- files


def _look_at_files(config: Config, settings: Settings) -> None:
    """See that the files that are named can be used, and by RAUC too if it fetches the bundle."""
    if settings.has("bundle_download_location") and _is_folder(config.bundle_download_location):
        settings.mistake("bundle_download_location", IS_FOLDER)
    if _is_readable("ca_file", config.ca_file, settings):
        why = tls.unusable_authorities(str(config.ca_file))
        if why:
            settings.mistake("ca_file", why)
    has_certificate = _is_readable("ssl_cert", config.ssl_cert, settings)
    key = config.ssl_key or ""
    has_key = tls.in_token(key) or _is_readable("ssl_key", Path(key) if key else None, settings)
    if has_certificate and has_key:
        wrong = tls.unusable_certificate(str(config.ssl_cert), key, config.ssl_key_password)
        if wrong:
            settings.mistake(*wrong)
    if config.ssl_cert and config.ssl_key and config.ssl_key_password and config.stream_bundle:
        settings.mistake(
            "stream_bundle", "= true and a protected ssl_key don't go together: RAUC takes no password"
        )


def _is_readable(key: str, path: Path | None, settings: Settings) -> bool:
    """Say whether a key names a file that can be read; one that can't be is a mistake."""
    if path is None:
        return False
    try:
        with path.open("rb"):
            return True
    except (OSError, ValueError) as error:  # ValueError: not in the encoding of the file system
        reason = (error.strerror if isinstance(error, OSError) else None) or "no usable path"
    settings.mistake(key, f"names a file that can't be read ({reason}); make it readable for this user")
    return False


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError):
        return False


def _is_there(path: Path) -> bool:
    """Say whether a file exists; one in a folder that we may not look into does, so that `load` says so."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
