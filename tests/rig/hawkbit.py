# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real hawkBit: started here, or one that runs elsewhere already."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from hawkbit_testing import management
from rig.hawkbit_server import Server
from rig.process import wait_until


class Hawkbit(management.Server):
    """A hawkBit server, driven through its Management API; `host` is what a controller's configuration names."""

    def __init__(self, url: str, user: str = "admin", password: str = "admin", version: str = "") -> None:
        """Use a server that runs already; `started` starts one."""
        super().__init__(url, user, password, version)
        self._server: Server | None = None

    @classmethod
    def started(cls, folder: Path, properties: dict[str, object] | None = None) -> Self:
        """Start a server of our own and wait until it answers.

        Args:
            folder: what it keeps.
            properties: Spring's, such as `hawkbit.server.security.dos.filter.maxRead`.
        """
        server = Server(folder, properties or {})
        hawkbit = cls(f"http://127.0.0.1:{server.port}")
        server.wait(hawkbit.answers)
        hawkbit._server = server
        return hawkbit

    @classmethod
    def chosen(cls, folder: Path) -> Self:
        """Use the server that HAWKBIT_URL, HAWKBIT_USER and HAWKBIT_PASSWORD name, or start one."""
        url = os.environ.get("HAWKBIT_URL")
        if not url:
            return cls.started(folder)
        user, password = (os.environ.get(f"HAWKBIT_{key}", "admin") for key in ("USER", "PASSWORD"))
        hawkbit = cls(url, user, password, os.environ.get("HAWKBIT_VERSION", ""))
        wait_until(hawkbit.answers, f"hawkBit at {url}", 180, 0.3)
        hawkbit.target_tokens = True
        return hawkbit

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the server, if it was started here."""
        super().close()
        if self._server is not None:
            self._server.close()
