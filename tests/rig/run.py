# SPDX-License-Identifier: LGPL-2.1-or-later
"""hawkbit-rauc itself, as a process on a board, and its configuration file."""

from collections.abc import Mapping
from pathlib import Path

from rig.cache import REPOSITORY
from rig.process import Process, in_namespace
from rig.rauc import BOOT_ID, RaucBoard

COMMAND = REPOSITORY / ".venv" / "bin" / "hawkbit-rauc"


def configuration(
    file: Path,
    *,
    server: str,
    target: str,
    token: str,
    bundle: Path | None,
    device: Mapping[str, str] | None = None,
    **client: object,
) -> Path:
    """Write a configuration for the daemon and return its path.

    Args:
        file: where it goes.
        server: host and port.
        target: the controller's id.
        token: its target token.
        bundle: the file that bundles are downloaded to; None for the default in the state folder.
        device: the `[device]` section.
        client: further keys of the `[client]` section, or others for those above; None leaves a key out.
    """
    keys: dict[str, object] = {
        "hawkbit_server": server,
        "ssl": False,
        "tenant_id": "DEFAULT",
        "target_name": target,
        "auth_token": token,
        "bundle_download_location": bundle,
        "post_update_reboot": False,
        "log_level": "debug",
        **client,
    }
    lines = ["[client]"]
    for key, value in keys.items():
        if value is not None:
            lines.append(f"{key}={str(value).lower() if isinstance(value, bool) else value}")
    lines += ["", "[device]", *(f"{key}={value}" for key, value in (device or {"product": "rig"}).items())]
    file.write_text("\n".join(lines) + "\n")
    file.chmod(0o600)
    return file


def daemon(
    board: RaucBoard,
    configuration: Path,
    *arguments: str,
    command: str = "run",
    log: str = "daemon.log",
    env: Mapping[str, str] | None = None,
) -> Process:
    """Start `hawkbit-rauc -c CONFIGURATION run` on a board: on its bus, with its boot id, state below its folder.

    Leaving the returned process's context ends it; `kill()` is a crash, `wait_for_log()` follows its log.

    Args:
        board: a board that is switched on.
        configuration: the daemon's configuration file.
        arguments: further arguments of the command, such as `--once`.
        command: another command than `run`.
        log: name of the file that it writes to.
        env: further environment, such as another `STATE_DIRECTORY`.
    """
    state = board.folder / "state"
    state.mkdir(exist_ok=True)
    line: list[str | Path] = [COMMAND, "-c", configuration, command, *arguments]
    environment = {
        **board.bus.environment,
        "STATE_DIRECTORY": str(state),
        "PYTHONUNBUFFERED": "1",
        **(env or {}),
    }
    return Process(in_namespace(line, {BOOT_ID: board.boot_id_file}), board.folder / log, environment)
