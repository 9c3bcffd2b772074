# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds the adapters that a configuration asks for, and closes them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

from attrs import frozen

from hawkbit_rauc.board.attributes import Attributes
from hawkbit_rauc.board.clock import BootClock
from hawkbit_rauc.board.dbus import Bus
from hawkbit_rauc.board.hooks import Hooks
from hawkbit_rauc.board.journal import Journal
from hawkbit_rauc.board.machine import Board, unit_witness
from hawkbit_rauc.board.state_folder import state_folder
from hawkbit_rauc.bundle.download import Downloads
from hawkbit_rauc.bundle.stream import Streams
from hawkbit_rauc.config.config import Config
from hawkbit_rauc.errors import ConfigError
from hawkbit_rauc.hawkbit import connection, ddi
from hawkbit_rauc.net import tls
from hawkbit_rauc.rauc.installer import Rauc
from hawkbit_rauc.rules.bundles import Choice
from hawkbit_rauc.story.boot import Commit
from hawkbit_rauc.story.installed import Installed
from hawkbit_rauc.story.world import Policy, World


@frozen
class Adapters:
    """What a configuration asks for, ready to be used."""

    world: World
    server: ddi.Hawkbit
    rauc: Rauc
    hooks: Hooks
    commit: Commit | None
    installed: Installed | None
    attributes: Callable[[], Awaitable[Mapping[str, str]]]
    config: Config


@contextlib.asynccontextmanager
async def adapters(config: Config, *, once_timeout: float | None = None) -> AsyncIterator[Adapters]:
    """Build all adapters; they are closed at the end.

    Args:
        config: what is asked for.
        once_timeout: seconds that cap each single request, None for the configured times.
    """
    bus = Bus()
    server = connect(config, once_timeout)
    commit: Commit | None = None

    async def own_mark() -> bool | None:
        return commit.vouched if commit else None

    witness = unit_witness(bus, config.commit_witness) if config.commit_witness else own_mark
    rauc = Rauc(bus, witness=witness)
    board = _board(config, bus)
    bundle = config.bundle_download_location
    downloads = _downloads(bundle, config, server, board)
    other = bundle.with_name(f"{bundle.name}.other")
    others = _downloads(other, config, server, board) if config.other_artifacts == "hook" else None
    policy = Policy(
        report_installed=config.report_success == "installed",
        reboot=config.reboot is not None,
        ask=config.soft == "ask",
        confirmation=config.confirmation,
        auto_confirmation={"on": True, "off": False}.get(config.auto_confirmation),
        choice=Choice(config.bundle_part, config.bundle_pattern),
        refuse_others=config.other_artifacts == "refuse",
        keep_for=config.keep_downloaded,
        give_up_after=config.give_up_after,
    )
    journal = Journal(state_folder(), server.identity)
    source = _streams(config, server, rauc, downloads) if config.stream_bundle else downloads
    hooks = Hooks(config.hooks, timeout=config.hook_timeout)
    world = World(server, source, rauc, journal, board, BootClock(), hooks, policy, others)
    if config.mark_good == "own":
        commit = Commit(world, config.commit_timeout)
    installed = Installed(world, config.distribution_set) if config.distribution_set else None
    told_of = rauc if config.rauc_attributes else None
    attributes = Attributes(config.attributes, told_of, timeout=config.hook_timeout)
    try:
        yield Adapters(world, server, rauc, hooks, commit, installed, attributes.gather, config)
    finally:
        server.close()
        await bus.close()


def _downloads(file: Path, config: Config, server: ddi.Hawkbit, board: Board) -> Downloads:
    return Downloads(
        file,
        server.http,
        resume=config.resume_downloads,
        speed_limit=config.download_speed_limit,
        low_speed_time=config.low_speed_time,
        low_speed_rate=config.low_speed_rate,
        boot_id=board.boot_id,
    )


def _board(config: Config, bus: Bus) -> Board:
    command = config.reboot if isinstance(config.reboot, tuple) else None
    return Board(bus, logind=False, command=command) if command else Board(bus)


def _streams(config: Config, server: ddi.Hawkbit, rauc: Rauc, downloads: Downloads) -> Streams:
    """Leave the bytes to RAUC, which gets what our own downloads have."""
    origins = (config.origin, *config.download_origins) if config.send_download_authentication else ()
    return Streams(
        server.http,
        rauc.refusal,
        downloads,
        fallback=config.stream_fallback,
        origins=frozenset(origins),
        certificate=(str(config.ssl_cert), config.ssl_key) if config.ssl_cert and config.ssl_key else None,
        authorities=str(config.ca_file) if config.ca_file else None,
        verify=config.ssl_verify,
    )


def connect(config: Config, once_timeout: float | None = None) -> ddi.Hawkbit:
    """Make the client that speaks with hawkBit.

    Args:
        config: what is asked for.
        once_timeout: seconds that cap each single request, None for the configured times.

    Raises:
        ConfigError: a file has changed since the configuration was loaded, and can't be used any more.
    """
    longest = once_timeout or float("inf")
    with tls.key_file(config.ssl_key or "") as key:
        certificate = (str(config.ssl_cert), key, config.ssl_key_password) if config.ssl_cert else None
        try:
            return connection.connect(
                config.base_url,
                config.target_name,
                tenant=config.tenant_id,
                target_token=config.auth_token,
                gateway_token=config.gateway_token,
                client_certificate=certificate,
                verify=config.ssl_verify,
                ca_file=str(config.ca_file) if config.ca_file else tls.system_authorities(),
                proxy=config.proxy,
                connect_timeout=min(config.connect_timeout, longest),
                timeout=min(config.timeout, longest),
                send_download_authentication=config.send_download_authentication,
                download_origins=config.download_origins,
            )
        except ValueError as error:
            raise ConfigError([f"{config.source}: {error}."]) from None
