# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is shipped: the wheel's contents, and the unit as systemd's own tools see it."""

import zipfile
from pathlib import Path

from boards.packaging.systemd_board import UNIT
from rig.cache import REPOSITORY
from rig.process import run

from hawkbit_rauc.config.config import load

PACKAGING = REPOSITORY / "packaging"


def test_wheel_holds_the_packages_and_the_command(package: Path) -> None:
    """All at top level and typed; nothing of the tests."""
    with zipfile.ZipFile(package) as wheel:
        names = wheel.namelist()
        (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
        assert b"hawkbit-rauc = hawkbit_rauc.app.cli:main" in wheel.read(entry_points)
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "hawkbit_ddi",
        "hawkbit_rauc",
        "hawkbit_testing",
    }
    assert {f"{package}/py.typed" for package in ("hawkbit_ddi", "hawkbit_rauc", "hawkbit_testing")} <= set(
        names
    )


def test_unit_is_hardened_to_2_0_or_better() -> None:
    """`systemd-analyze security` fails beyond the threshold (in tenths)."""
    run("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", PACKAGING / UNIT)


def test_example_configuration_can_work() -> None:
    """The shipped example has no mistake and no unknown key."""
    assert load(PACKAGING / "config.conf", state_dir=Path("/var/lib/hawkbit-rauc")).warnings == ()
