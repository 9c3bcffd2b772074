# SPDX-License-Identifier: LGPL-2.1-or-later
"""The servers do what the tests ask of them: each takes a deployment from offer to verdict over plain httpx."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from hawkbit_testing import Window, management
from rig import bundles
from rig.bundles import MIB
from rig.goosebit import Goosebit
from rig.hawkbit import Hawkbit
from rig.target import Target


class Controller:
    """The least that a controller does."""

    def __init__(self, server: Hawkbit | Goosebit, target: Target | management.Target) -> None:
        self._base = f"{server.url}/{server.tenant}/controller/v1/{target.id}"
        headers = {"Authorization": f"TargetToken {target.token}"}
        self.http = httpx.Client(headers=headers, trust_env=False)

    def poll(self) -> dict[str, Any]:
        return {"_links": {}, **self.http.get(self._base).raise_for_status().json()}

    def deployment(self) -> dict[str, Any]:
        return dict(self.http.get(self.poll()["_links"]["deploymentBase"]["href"]).raise_for_status().json())

    def tell_attributes(self, attributes: dict[str, str]) -> None:
        body = {"mode": "merge", "data": attributes}
        self.http.put(f"{self._base}/configData", json=body).raise_for_status()

    def feedback(self, kind: str, action: object, execution: str, finished: str, *details: str) -> None:
        status = {"execution": execution, "result": {"finished": finished}, "details": list(details)}
        body = {"id": str(action), "status": status}
        self.http.post(f"{self._base}/{kind}/{action}/feedback", json=body).raise_for_status()


def test_hawkbit_deployment(real_hawkbit: Hawkbit) -> None:
    """hawkBit offers what was assigned, serves its bytes, and believes the controller's verdict."""
    target = real_hawkbit.target()
    controller = Controller(real_hawkbit, target)
    action = target.assign({"some.raucb": b"some bytes"})
    deployment = controller.deployment()
    assert deployment["id"] == str(action.id)
    artifact = deployment["deployment"]["chunks"][0]["artifacts"][0]
    assert controller.http.get(artifact["_links"]["download-http"]["href"]).content == b"some bytes"
    assert artifact["hashes"]["sha256"] == hashlib.sha256(b"some bytes").hexdigest()
    controller.feedback("deploymentBase", action.id, "proceeding", "none", "half of it")
    assert action.wait_for_message("half") == "half of it"
    assert action.outcome() is None
    assert target.update_status == "pending"
    controller.feedback("deploymentBase", action.id, "closed", "success", "all of it")
    assert action.wait() == "finished"
    assert target.update_status == "in_sync"
    target.delete()


def test_hawkbit_failure_and_cancel(real_hawkbit: Hawkbit) -> None:
    """A failure is an error, a cancel asks the controller first, and a force-quit asks nobody."""
    target = real_hawkbit.target()
    controller = Controller(real_hawkbit, target)
    failing = target.assign({"one.raucb": b"1"})
    controller.feedback("deploymentBase", failing.id, "closed", "failure", "no")
    assert (failing.wait(), target.update_status) == ("error", "error")
    canceled = target.assign({"two.raucb": b"2"})
    canceled.cancel()
    assert "cancelAction" in controller.poll()["_links"]
    assert canceled.outcome() is None
    controller.feedback("cancelAction", canceled.id, "closed", "success", "stopped")
    assert canceled.wait() == "canceled"
    forgotten = target.assign({"three.raucb": b"3"})
    forgotten.cancel()
    forgotten.force_quit()
    assert forgotten.wait() == "canceled"
    assert [action.id for action in target.actions] == [failing.id, canceled.id, forgotten.id]


def test_hawkbit_kinds_of_assignment(real_hawkbit: Hawkbit) -> None:
    """Soft is an attempt until it is forced; a window that is closed lets download, not install."""
    target = real_hawkbit.target()
    controller = Controller(real_hawkbit, target)
    action = target.assign({"a.raucb": b"a"}, forced=False)
    assert controller.deployment()["deployment"]["update"] == "attempt"
    action.force()
    assert controller.deployment()["deployment"]["update"] == "forced"
    later = Window(datetime(2050, 1, 1, tzinfo=UTC), timedelta(hours=1))
    target.assign({"b.raucb": b"b"}, window=later)
    cancel = controller.poll()["_links"]["cancelAction"]["href"]
    controller.feedback("cancelAction", cancel.split("/")[-1].split("?")[0], "closed", "success")
    deployment = controller.deployment()["deployment"]
    assert (deployment["update"], deployment["maintenanceWindow"]) == ("skip", "unavailable")


def test_hawkbit_attributes_and_tokens(real_hawkbit: Hawkbit) -> None:
    """Attributes arrive and are asked for again; a target's old token is refused."""
    target = real_hawkbit.target()
    controller = Controller(real_hawkbit, target)
    controller.tell_attributes({"product": "rig"})
    assert target.attributes == {"product": "rig"}
    assert "configData" not in controller.poll()["_links"]
    target.request_attributes = True
    assert "configData" in controller.poll()["_links"]
    target.token = "another"
    with pytest.raises(httpx.HTTPStatusError, match="401"):
        controller.poll()
    Controller(real_hawkbit, target).poll()


def test_hawkbit_says_what_it_is(real_hawkbit: Hawkbit) -> None:
    """Its version and its features agree."""
    assert real_hawkbit.has_installed_base == (real_hawkbit.version >= (0, 6))
    assert real_hawkbit.has_timestamp == (real_hawkbit.version >= (0, 8))
    assert real_hawkbit.has_confirmation == (real_hawkbit.version >= (0, 5))


def test_hawkbit_polling_interval(real_hawkbit: Hawkbit) -> None:
    """The polling interval that is set is told to controllers, and can be set back."""
    target = real_hawkbit.target()
    real_hawkbit.sleep = "00:01:23"
    assert controller_sleep(real_hawkbit, target) == "00:01:23"
    real_hawkbit.unconfigure("pollingTime")
    assert controller_sleep(real_hawkbit, target) == "00:05:00"


def controller_sleep(hawkbit: Hawkbit, target: management.Target) -> str:
    return str(Controller(hawkbit, target).poll()["config"]["polling"]["sleep"])


def test_goosebit_rollout(goosebit: Goosebit, tmp_path: Path) -> None:
    """goosebit reads a bundle, rolls it out to the device's feed, serves it, and believes the verdict."""
    bundle = bundles.make(tmp_path, "7.0.1", size=MIB)
    target = goosebit.create_target()
    controller = Controller(goosebit, target)
    controller.tell_attributes(
        {"hw_boardname": bundle.compatible, "hw_revision": "default", "sw_version": "1.0.0"}
    )
    software = goosebit.upload(bundle)
    goosebit.roll_out(target, software)
    deployment = controller.deployment()
    assert deployment["id"] == str(software)
    artifact = deployment["deployment"]["chunks"][0]["artifacts"][0]
    assert artifact["hashes"]["sha1"] == bundle.digest("sha1")
    assert len(controller.http.get(artifact["_links"]["download"]["href"]).content) == bundle.size
    controller.feedback("deploymentBase", software, "proceeding", "none", "half of it")
    assert goosebit.wait_for_state(target, "Running") == "Running"
    controller.feedback("deploymentBase", software, "closed", "failure", "no")
    assert goosebit.wait_for_state(target, "Error") == "Error"
    assert "deploymentBase" not in controller.poll()["_links"]
    goosebit.force(target)
    controller.feedback("deploymentBase", software, "closed", "success", "all of it")
    assert goosebit.wait_for_state(target, "Finished") == "Finished"
    assert goosebit.log(target)[-1] == "all of it"
    assert goosebit.target(target)["sw_version"] == "7.0.1"
    assert Controller(goosebit, goosebit.set_token(target, "another")).poll()["_links"] == {}
    with pytest.raises(httpx.HTTPStatusError, match="401"):
        controller.poll()
