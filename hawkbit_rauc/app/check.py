# SPDX-License-Identifier: LGPL-2.1-or-later
"""`hawkbit-rauc check`: a line for each thing that a board needs, with the remedy if it fails."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from attrs import field, frozen

from hawkbit_rauc.app.assembly import Adapters, adapters
from hawkbit_rauc.app.exit_codes import ExitCode
from hawkbit_rauc.board.state_folder import state_folder
from hawkbit_rauc.config.config import Config
from hawkbit_rauc.durable import write_durably
from hawkbit_rauc.errors import HawkbitRaucError, StateError
from hawkbit_rauc.model import Setup, System
from hawkbit_rauc.net.threads import in_thread
from hawkbit_rauc.rauc.installer import Description
from hawkbit_rauc.rules import layout
from hawkbit_rauc.rules.outcome import committed

#: File systems that forget, or that only one of the two systems sees.
_FORGETFUL = ("tmpfs", "ramfs", "overlay", "squashfs", "erofs")
_LITTLE_SPACE = 64 << 20
_COUNTING_LOADERS = ("uboot", "barebox")


@frozen
class Report:
    """Prints a line for each thing that was looked at, and remembers what failed."""

    write: Callable[[str], object]
    failures: list[str] = field(factory=list)

    def ok(self, what: str, found: str) -> None:
        """Something is as it should be."""
        self.write(f"ok    {what}: {found}\n")

    def note(self, what: str, found: str) -> None:
        """Something works, but could be better."""
        self.write(f"note  {what}: {found}\n")

    def fail(self, what: str, found: str) -> None:
        """Something does not work; `found` holds the remedy."""
        self.failures.append(what)
        self.write(f"FAIL  {what}: {found}\n")


async def run(config: Config) -> ExitCode:
    """Look at everything once.

    Returns:
        DONE if all is well, else FAILED.
    """
    report = Report(sys.stdout.write)
    _configuration(config, report)
    async with adapters(config, once_timeout=config.once_timeout) as world:
        if await _connection(config, report):
            await _server(world, report)
        system = await _rauc(world, report)
    if not config.stream_bundle or config.stream_fallback:
        _bundle_folder(config.bundle_download_location.parent, report)
    _state_folder(state_folder(), system, report)
    return ExitCode.FAILED if report.failures else ExitCode.DONE


def _configuration(config: Config, report: Report) -> None:
    for sentence in config.warnings:
        report.fail("configuration", sentence)
    for sentence in config.advice:
        report.note("configuration", sentence)
    if not config.warnings:
        report.ok("configuration", config.source)


# ---------------------------------------------------------------- hawkBit


async def _connection(config: Config, report: Report) -> bool:
    """Resolve the name and connect, one after the other, so that the one that fails is named."""
    url = urlsplit(config.proxy or config.base_url)
    host, port = url.hostname or "", url.port or {"http": 80, "https": 443}[url.scheme]
    named = "proxy" if config.proxy else "hawkbit_server"
    if not config.proxy and url.scheme in getproxies() and not proxy_bypass(host):
        # The board may be unable to resolve the server's name, since the proxy does so.
        report.note("connection", f"to {host} goes through the proxy that the environment names")
        return True
    try:
        found = await asyncio.wait_for(
            in_thread(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM), config.connect_timeout
        )
    except (OSError, TimeoutError) as error:
        report.fail("name", f"{host} is not resolved ({_reason(error)}); check {named} and the board's DNS")
        return False
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    report.ok("name", f"{host} is {', '.join(addresses)}")
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), config.connect_timeout)
    except (OSError, TimeoutError) as error:
        report.fail(
            "connection", f"{host} port {port} does not answer ({_reason(error)}); check port and firewall"
        )
        return False
    writer.close()
    report.ok("connection", f"{host} port {port}")
    return True


async def _server(world: Adapters, report: Report) -> None:
    """Poll once: only an accepted poll proves TLS and credentials."""
    what = "TLS and credentials" if world.config.base_url.startswith("https") else "credentials"
    try:
        poll = await world.server.poll()
    except HawkbitRaucError as error:
        report.fail(what, f"{error}; check the token or certificate, tenant_id, target_name and the server")
        return
    interval = f"{poll.interval:.0f} s" if poll.interval else "unsaid"
    report.ok(what, f"{world.config.base_url} knows {world.config.target_name}; poll interval {interval}")


def _reason(error: OSError) -> str:
    if error.errno is None:  # asyncio's: it took too long, or each of several addresses failed
        return str(error) or "no answer in time"
    if isinstance(error, socket.gaierror):  # its numbers are not the system's
        return error.strerror or "no answer"
    # asyncio's own text repeats the address.
    return os.strerror(error.errno)


# ---------------------------------------------------------------- RAUC


async def _rauc(world: Adapters, report: Report) -> System | None:
    try:
        found = await world.rauc.describe()
    except HawkbitRaucError as error:
        report.fail("RAUC", str(error))
        return None
    system, config = found.system, world.config
    report.ok("RAUC", f"{found.version}, compatible {system.compatible}")
    _slots(system, found.setup, report)
    if config.stream_bundle:
        _streaming(found, config, report)
    if system.boot_loader in _COUNTING_LOADERS and not config.commit_witness and config.mark_good != "own":
        report.note(
            "commit",
            f"{system.boot_loader} calls a slot good while attempts are left; "
            "name the unit that marks it good as commit_witness, or set mark_good = own",
        )
    return system


def _streaming(found: Description, config: Config, report: Report) -> None:
    why = f"RAUC {found.version} is not known to stream"
    if found.inspects_streams:
        report.ok("streaming", "RAUC will say with each bundle whether it can stream it")
    elif config.stream_fallback:
        report.note("streaming", f"{why}, so bundles are downloaded")
    else:
        report.note(
            "streaming", f"{why}: an installation will tell, stream_fallback = true downloads instead"
        )


def _slots(system: System, setup: Setup, report: Report) -> None:
    booted = system.booted
    if not system.slots:
        report.note("slots", "RAUC can't tell about them, so success is told at the installation")
        return
    names = ", ".join(
        f"{slot.name} (booted)" if slot.state == "booted" else slot.name for slot in system.slots
    )
    report.ok("slots", names)
    report.ok("layout", layout.in_words(system, setup))
    for sentence in layout.unknowns(system, setup):
        report.note("layout", sentence)
    if booted is None:
        return
    if booted.bootname is None:  # RAUC marks none such; its service ends if it is asked to
        report.ok("commit", f"{booted.name} has no bootname, so nothing counts its boots")
    elif committed(system):
        report.ok("commit", f"{booted.name} is marked good")
    else:
        report.fail(
            "commit", f"{booted.name} is not marked good; run `rauc status mark-good` or enable its unit"
        )


# ---------------------------------------------------------------- disk


def _bundle_folder(folder: Path, report: Report) -> None:
    if not folder.is_dir() and folder == state_folder():
        report.note("bundle folder", f"{folder} does not exist yet; the service makes it (StateDirectory=)")
        return
    if not folder.is_dir():
        report.fail("bundle folder", f"{folder} does not exist; create it, or set bundle_download_location")
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        report.fail(
            "bundle folder", f"{folder} can't be written; set bundle_download_location to a folder that can"
        )
        return
    space = os.statvfs(folder)
    free = space.f_bavail * space.f_frsize
    found = f"{free >> 20} MiB free in {folder}"
    if free < _LITTLE_SPACE:
        report.fail("bundle folder", f"{found}; a bundle needs its whole size there")
    else:
        report.ok("bundle folder", found)


def _state_folder(folder: Path, system: System | None, report: Report) -> None:
    """The other system must see what this one writes, so the folder lies on neither of their slots."""
    what = "state folder"
    existing = _nearest(folder)
    kind = _file_system(existing)
    if kind in _FORGETFUL:
        report.fail(what, f"{folder} is on {kind}, which the other system does not see; use a data partition")
        return
    slot = _slot_of(existing, system)
    if slot:
        report.fail(
            what, f"{folder} is on slot {slot}, which the other system does not see; use a data partition"
        )
        return
    if not folder.is_dir():
        report.note(what, f"{folder} does not exist yet; the service makes it (StateDirectory=)")
        return
    probe = folder / "check"
    try:
        write_durably(probe, b"")
        probe.unlink()
    except (StateError, OSError) as error:
        report.fail(what, str(error))
        return
    report.ok(what, f"{folder} ({kind})")


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above that exists."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


def _file_system(folder: Path) -> str:
    """The type of the file system that a folder is on, by the kernel's mount table (proc(5))."""
    resolved = folder.resolve()
    deepest, kind = 0, "unknown"
    for mount, found in _mounts(Path("/proc/self/mountinfo").read_text(errors="replace").splitlines()):
        # Of several at one place, the last one hides the others.
        if resolved.is_relative_to(mount) and len(mount.parts) >= deepest:
            deepest, kind = len(mount.parts), found
    return kind


def _mounts(lines: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """The place and the type of each mount."""
    for line in lines:
        before, _, after = line.partition(" - ")
        place = before.split()[4].encode().decode("unicode_escape")  # the kernel writes a space as \040
        yield Path(place), after.split()[0]


def _slot_of(folder: Path, system: System | None) -> str | None:
    """The slot whose device holds a folder, if any."""
    if system is None:
        return None
    here = folder.stat().st_dev
    for slot in system.slots:
        try:
            if slot.device and os.stat(slot.device).st_rdev == here:  # noqa: PTH116  a device, not a path of ours
                return slot.name
        except OSError:  # the other slot's device may be missing
            continue
    return None
