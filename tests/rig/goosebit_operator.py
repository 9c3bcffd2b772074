# SPDX-License-Identifier: LGPL-2.1-or-later
"""goosebit behind the operator's words of the conformance suite, as far as it has them."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from hawkbit_testing.actions import Entry
from hawkbit_testing.conformance import UnsupportedError
from hawkbit_testing.software import DistributionSet, Module
from rig import bundles, target
from rig.bundles import Bundle
from rig.goosebit import Goosebit


class Action:
    """A software that is rolled out to a device: its id is the software's."""

    def __init__(self, server: Goosebit, known: target.Target, number: int) -> None:
        self._server = server
        self._known = known
        self.id = number

    def history(self) -> list[Entry]:
        """There are lines of a log alone."""
        raise UnsupportedError("goosebit keeps no entries")

    def outcome(self) -> str | None:
        """Return `finished` or `error`, or None while the device is neither."""
        return {"Finished": "finished", "Error": "error"}.get(self._server.state(self._known))

    def cancel(self) -> None:
        """There is no cancelation."""
        raise UnsupportedError("goosebit cancels nothing")

    force_quit = force = cancel


class Target:
    """A device."""

    def __init__(self, server: Goosebit, compatible: str) -> None:
        self._server = server
        self._known = server.create_target()
        self._compatible = compatible
        self.id = self._known.id
        self.actions: list[Action] = []

    @property
    def token(self) -> str:
        """Its token."""
        return self._known.token

    @token.setter
    def token(self, token: str) -> None:
        self._known = self._server.set_token(self._known, token)

    @property
    def update_status(self) -> str:
        """The device's state in lower case."""
        return self._server.state(self._known).lower()

    @property
    def attributes(self) -> dict[str, str]:
        """Only three are kept, under other names."""
        raise UnsupportedError("goosebit does not tell attributes")

    installed = attributes

    @property
    def request_attributes(self) -> bool:
        """A device is asked once."""
        raise UnsupportedError("goosebit does not ask again")

    @request_attributes.setter
    def request_attributes(self, wanted: bool) -> None:
        raise UnsupportedError("goosebit does not ask again")

    def assign(self, bundle: DistributionSet, **options: Any) -> Action:
        """Roll something out to the device, which tells first what goosebit wants to know."""
        if any(value not in {None, True} for value in options.values()) or options.get("download_only"):
            raise UnsupportedError("goosebit knows forced assignments alone")
        told = {"hw_boardname": self._compatible, "hw_revision": "default", "sw_version": "1.0.0"}
        base = f"{self._server.url}/{self._server.tenant}/controller/v1/{self.id}"
        headers = {"Authorization": f"TargetToken {self.token}"}
        httpx.put(f"{base}/configData", json={"data": told}, headers=headers, trust_env=False)
        self._server.roll_out(self._known, bundle.id)
        self.actions.append(Action(self._server, self._known, bundle.id))
        return self.actions[-1]

    def delete(self) -> None:
        """Leave it: devices with a rollout can't be deleted, and the server ends with its tests."""


class Operator:
    """A goosebit as far as it can be operated like a hawkBit.

    Attributes:
        content: the bytes of what the first module holds.
    """

    def __init__(self, server: Goosebit, folder: Path) -> None:
        self.url, self.tenant = server.url, server.tenant
        self._server = server
        self._folder = folder
        self._next = self._bundle()
        self.content = self._next.path.read_bytes()

    def _bundle(self) -> Bundle:
        version = f"3.{secrets.randbelow(10**6)}.{secrets.randbelow(10**6)}"
        # A seed keeps its size, so that lengths in answers are those of each run.
        return bundles.make(self._folder, version, size=bundles.MIB, seed=1)

    def target(self) -> Target:
        """Create a device."""
        return Target(self._server, self._next.compatible)

    def module(self, files: Mapping[str, bytes], type: str = "os") -> Module:  # noqa: A002
        """Upload a bundle of our own under the name of the only file."""
        if type != "os":
            raise UnsupportedError("goosebit has one module")
        (name,) = files
        bundle, self._next = self._next, self._bundle()
        with bundle.path.open("rb") as file:
            number = int(self._server.rest("PUT", "/software", files={"file": (name, file)})["id"])
        return Module(number, type, name, bundle.version)

    def distribution_set(self, *modules: Module) -> DistributionSet:
        """Return what is rolled out."""
        (module,) = modules
        return DistributionSet(module.id, module.name, module.version, modules)

    def forget(self, name: str) -> None:
        """Leave it: the server ends with its tests."""

    @property
    def gateway_token(self) -> str:
        """There is none."""
        raise UnsupportedError("goosebit has no such setting")

    autoclose = confirmation_flow = gateway_token
