# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real goosebit: FastAPI and SQLite in a Python environment of its own."""

import hashlib
import secrets
import shutil
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from rig.bundles import Bundle
from rig.cache import REPOSITORY, once
from rig.process import Process, run, wait_until
from rig.target import Target, free_port

REQUIREMENTS = REPOSITORY / "tests" / "rig" / "servers" / "goosebit" / "requirements.txt"

_SETTINGS = """\
tenant: DEFAULT
poll_time: "00:00:05"
device_auth: {{enable: true, mode: strict}}
secret_key: {secret}
db_uri: sqlite://{folder}/db.sqlite3
artifacts_dir: {folder}/artifacts
"""
_AERICH = """\
[tool.aerich]
tortoise_orm = "goosebit.db.config.TORTOISE_CONF"
location = "{migrations}"
src_folder = "."
"""


def _settings(folder: Path) -> dict[str, str]:
    (folder / "artifacts").mkdir(parents=True, exist_ok=True)
    file = folder / "goosebit.yaml"
    file.write_text(_SETTINGS.format(folder=folder, secret=secrets.token_hex(16)))
    return {"GOOSEBIT_SETTINGS": str(file)}


def _install(folder: Path) -> None:
    run(sys.executable, "-m", "venv", folder / "venv")
    python = folder / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", REQUIREMENTS)
    # An empty database, so that each server need not make its own.
    where = "import importlib.util as u; print(u.find_spec('goosebit').submodule_search_locations[0])"
    package = run(python, "-c", where).strip()
    (folder / "pyproject.toml").write_text(_AERICH.format(migrations=f"{package}/db/migrations"))
    run(python, "-m", "aerich", "upgrade", env=_settings(folder), cwd=folder)


def installed() -> Path:
    """Return the folder with goosebit's environment and an empty database; made the first time."""
    return once(f"goosebit/{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]}", _install)


class Goosebit:
    """A goosebit server with an administrator; `host` is what a controller's configuration names.

    It offers a software to all devices of a feed, by a rollout, and an action has the software's number.
    """

    def __init__(self, folder: Path) -> None:
        """Start it and wait until it answers; everything lies in `folder`."""
        made = installed()
        environment = _settings(folder)
        shutil.copyfile(made / "db.sqlite3", folder / "db.sqlite3")
        port = free_port()
        self.host = f"127.0.0.1:{port}"
        self.url = f"http://{self.host}"
        self.tenant = "DEFAULT"
        command: list[str | Path] = [made / "venv" / "bin" / "python", "-m", "uvicorn", "goosebit:app"]
        command += ["--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
        self._http = httpx.Client(timeout=60, trust_env=False)
        self._process = Process(command, folder / "goosebit.log", environment, cwd=folder)
        try:
            self._process.ready(self._answers, "goosebit", timeout=60)
            user = {"username": "admin@example.org", "password": secrets.token_hex(16)}
            token = self._http.post(f"{self.url}/setup", data=user).json()["access_token"]
        except BaseException:
            self.close()
            raise
        self._http.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the server."""
        self._http.close()
        self._process.kill()

    def _answers(self) -> bool:
        try:
            return self._http.get(f"{self.url}/openapi.json").status_code == 200
        except httpx.TransportError:
            return False

    def rest(self, method: str, path: str, **options: Any) -> Any:
        """Send a request below `/api/v1` and return the decoded answer.

        Raises:
            RuntimeError: with the answer, if its status is 400 or more.
        """
        answer = self._http.request(method, f"{self.url}/api/v1{path}", **options)
        if answer.status_code >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()

    def create_target(self, name: str | None = None, feed: str | None = None) -> Target:
        """Create a device; it has a feed of its own, named like it, unless another is given."""
        target = Target(name or f"rig-{secrets.token_hex(4)}", secrets.token_hex(16))
        body = {
            "devices": [target.id],
            "name": target.id,
            "feed": feed or target.id,
            "auth_token": target.token,
        }
        self.rest("PUT", "/devices", json=body)
        return target

    def delete_target(self, target: Target) -> None:
        """Delete a device."""
        self.rest("DELETE", "/devices", json={"devices": [target.id]})

    def upload(self, bundle: Bundle) -> int:
        """Upload a bundle, which must be for the device's `hw_boardname`, and return the software's number."""
        with bundle.path.open("rb") as file:
            return int(self.rest("PUT", "/software", files={"file": (bundle.path.name, file)})["id"])

    def roll_out(self, target: Target, software: int, feed: str | None = None) -> int:
        """Start a rollout of a software to a device's feed and return the rollout's number."""
        body = {"name": f"rollout-{software}", "feed": feed or target.id, "software_id": software}
        return int(self.rest("PUT", "/rollouts", json=body)["id"])

    def force(self, target: Target) -> None:
        """Offer the software to a device again, although it failed."""
        self.rest("PATCH", "/devices", json={"devices": [target.id], "force_update": True})

    def set_token(self, target: Target, token: str) -> Target:
        """Give a device another token, so that the old one is refused."""
        self.rest("PATCH", "/devices", json={"devices": [target.id], "auth_token": token})
        return Target(target.id, token)

    def target(self, target: Target) -> dict[str, Any]:
        """Return a device as the API tells it."""
        answer: dict[str, Any] = self.rest("GET", f"/devices/{target.id}")
        return answer

    def state(self, target: Target) -> str:
        """Return `Unknown`, `Registered`, `Running`, `Error` or `Finished`."""
        return str(self.target(target)["last_state"])

    def log(self, target: Target) -> list[str]:
        """Return what the device has told about its updates, line by line."""
        return str(self.rest("GET", f"/devices/{target.id}/log")["log"] or "").splitlines()

    def wait_for_state(self, target: Target, *states: str, timeout: float = 60) -> str:
        """Wait until a device is in one of some states and return it.

        Raises:
            TimeoutError: with the device's log, if it is in none of them `timeout` seconds later.
        """

        def look() -> str | None:
            state = self.state(target)
            return state if state in states else None

        try:
            return wait_until(look, f"{target.id} {' or '.join(states)}", timeout, 0.1)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; state {self.state(target)}; its log: {self.log(target)}") from None
