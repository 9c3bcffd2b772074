# SPDX-License-Identifier: LGPL-2.1-or-later
"""The double answers as the real server does: every test runs on both, and on a double of 1.1."""

import hashlib
from urllib.parse import urlsplit

import httpx
import pytest
from ddi.place import Site

import hawkbit_testing

CONTENT = bytes(range(256)) * 40
CLOSED_WINDOW = ("0 0 3 1 1 ? 2099", "01:00:00", "+00:00")


def path(url: str) -> str:
    return urlsplit(url).path


def types(action) -> list[str]:
    return [entry.type for entry in action.history()]


# polls


def test_a_new_target_is_asked_for_its_attributes_only(site: Site) -> None:
    """The first poll offers configData and says when to come again."""
    answer = site.get()
    assert answer.status_code == 200
    assert answer.json()["config"]["polling"]["sleep"].count(":") == 2
    assert set(site.links()) == {"configData"}
    assert path(site.links()["configData"]) == path(site.base) + "/configData"


def test_links_are_left_out_when_there_are_none(site: Site) -> None:
    """With the attributes told and nothing assigned there is no `_links` at all."""
    assert site.http.put(f"{site.base}/configData", json={"data": {"a": "b"}}).status_code == 200
    assert set(site.get().json()) == {"config"}


def test_the_tag_of_a_poll_gives_304(site: Site) -> None:
    """If-None-Match with the tag as received, or weak, answers 304 without a body until something changes."""
    tag = site.get().headers["ETag"]
    assert tag.startswith('"0')
    assert len(tag) == 35
    for known in (tag, f"W/{tag}", f'"x", {tag}'):
        again = site.get(**{"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    site.assign()
    assert site.get(**{"If-None-Match": tag}).status_code == 200


def test_answers_are_json_or_hal_as_asked(site: Site) -> None:
    """Without a wish in Accept it is HAL, which has the same members."""
    plain, hal = site.get(Accept="application/json"), site.get(Accept="*/*")
    assert plain.headers["Content-Type"].startswith("application/json")
    assert hal.headers["Content-Type"].startswith("application/hal+json")
    assert plain.json() == hal.json()


def test_wrong_credentials_are_refused_with_an_empty_401(site: Site) -> None:
    """Token of another, none, another scheme, unknown target, unknown tenant: 401, nothing else said."""
    right = site.http.headers.pop("Authorization")
    for wrong in ("TargetToken nonsense", "", right.lower(), right.replace(" ", "  ")):
        answer = site.get(Authorization=wrong)
        assert (answer.status_code, answer.content) == (401, b""), wrong
        assert "WWW-Authenticate" not in answer.headers
    for url in (f"{site.base}-unknown", site.base.replace("/DEFAULT/", "/NOBODY/")):
        assert httpx.get(url, headers={"Authorization": right}).status_code == 401


def test_a_gateway_token_registers_controllers_by_their_first_poll(site: Site) -> None:
    """With the gateway's token an unknown controller's poll is answered; other requests are not."""
    other = f"{site.base}-new"
    headers = {"Authorization": "GatewayToken shared"}
    server = site.server
    if isinstance(server, hawkbit_testing.Hawkbit):
        server.gateway_token = "shared"
    else:
        server.configure("authentication.gatewaytoken.enabled", True)
        server.configure("authentication.gatewaytoken.key", "shared")
    try:
        data = {"data": {"a": "b"}}
        assert httpx.put(f"{other}/configData", json=data, headers=headers).status_code == 404
        assert set(httpx.get(other, headers=headers).json()["_links"]) == {"configData"}
        assert httpx.put(f"{other}/configData", json=data, headers=headers).status_code == 200
    finally:
        server.delete_target(hawkbit_testing.Target(f"{site.target.id}-new", ""))
        if not isinstance(server, hawkbit_testing.Hawkbit):
            server.configure("authentication.gatewaytoken.enabled", False)


def test_one_action_is_shown_at_a_time(site: Site) -> None:
    """A new assignment cancels the open one, which is shown first; then the new one comes."""
    first = site.assign(b"one")
    assert path(site.links()["deploymentBase"]) == f"{path(site.base)}/deploymentBase/{first.id}"
    second = site.assign(b"two")
    links = site.links()
    assert path(links["cancelAction"]) == f"{path(site.base)}/cancelAction/{first.id}"
    assert "deploymentBase" not in links
    assert site.get(f"/deploymentBase/{second.id}").status_code == 200
    assert site.tell(first, "closed", "success", channel="cancelAction").status_code == 200
    assert path(site.links()["deploymentBase"]).endswith(f"/{second.id}")


def test_an_action_overtaken_and_not_given_up_comes_back(site: Site) -> None:
    """A rejected cancelation of the older action shows its deployment again."""
    first, _second = site.assign(b"one"), site.assign(b"two")
    assert site.tell(first, "rejected", channel="cancelAction").status_code == 200
    assert path(site.links()["deploymentBase"]).endswith(f"/{first.id}")


def test_links_of_deployments_change_with_the_action_only(site: Site) -> None:
    """The stamp `c` changes by the first retrieval and by a switch to forced, not by progress."""
    action = site.assign(kind="soft")
    before = site.links()["deploymentBase"]
    assert "?c=" in before
    site.get(before)
    after = site.links()["deploymentBase"]
    assert after != before
    site.tell(action, "proceeding")
    assert site.links()["deploymentBase"] == after
    action.force()
    assert site.links()["deploymentBase"] != after


# deployments


def test_a_deployment_reads_as_documented(site: Site) -> None:
    """Ids are strings, hashes hex, the links lead to file and checksum."""
    action = site.assign(CONTENT)
    payload = site.get(site.links()["deploymentBase"]).json()
    chunk = payload["deployment"]["chunks"].pop()
    artifact = chunk["artifacts"].pop()
    links = artifact.pop("_links")
    assert payload == {
        "id": str(action.id),
        "deployment": {"download": "forced", "update": "forced", "chunks": []},
    }
    assert {key: type(value) for key, value in chunk.items()} == {
        "part": str,
        "version": str,
        "name": str,
        "artifacts": list,
    }
    assert (chunk["part"], chunk["artifacts"]) == ("os", [])
    hashes = {name: hashlib.new(name, CONTENT).hexdigest() for name in ("sha1", "md5", "sha256")}
    assert artifact == {"filename": "a.raucb", "hashes": hashes, "size": len(CONTENT)}
    assert set(links) == {"download-http", "md5sum-http"}
    assert links["md5sum-http"]["href"] == links["download-http"]["href"] + ".MD5SUM"
    assert path(links["download-http"]["href"]).startswith(path(site.base) + "/softwaremodules/")


@pytest.mark.parametrize(
    ("kind", "more", "download", "update"),
    [
        ("forced", {}, "forced", "forced"),
        ("soft", {}, "attempt", "attempt"),
        ("timeforced", {"force_time": 4_000_000_000_000}, "attempt", "attempt"),
        ("timeforced", {"force_time": 1_000_000_000_000}, "forced", "forced"),
        ("downloadonly", {}, "forced", "skip"),
    ],
)
def test_the_type_of_an_action_says_how_urgent_it_is(site: Site, kind, more, download, update) -> None:
    """DDI's handling matrix without windows."""
    site.assign(kind=kind, **more)
    told = site.get(site.links()["deploymentBase"]).json()["deployment"]
    assert (told["download"], told["update"]) == (download, update)
    assert "maintenanceWindow" not in told


def test_outside_its_window_an_action_is_downloaded_only(site: Site) -> None:
    """A closed maintenance window makes the update `skip` and is told."""
    window = "unavailable" if isinstance(site.server, hawkbit_testing.Hawkbit) else CLOSED_WINDOW
    site.assign(window=window)
    told = site.get(site.links()["deploymentBase"]).json()["deployment"]
    assert (told["download"], told["update"], told["maintenanceWindow"]) == ("forced", "skip", "unavailable")


def test_reading_an_action_is_noted_once(site: Site) -> None:
    """GET adds RETRIEVED unless it is the newest entry already."""
    action = site.assign()
    site.get(f"/deploymentBase/{action.id}")
    site.get(f"/deploymentBase/{action.id}")
    site.tell(action, "proceeding", "none", "working")
    site.get(f"/deploymentBase/{action.id}")
    assert types(action) == ["running", "retrieved", "running", "retrieved"]


def test_the_history_is_told_on_request_newest_first(site: Site) -> None:
    """actionHistory=n gives the newest n messages of the controller; the server's own are left out."""
    action = site.assign()
    for number in range(3):
        site.tell(action, "proceeding", "none", f"message {number}")
    url = f"/deploymentBase/{action.id}"
    assert "actionHistory" not in site.get(url).json()
    assert "actionHistory" not in site.get(f"{url}?actionHistory=0").json()
    history = site.get(f"{url}?actionHistory=2").json()["actionHistory"]
    assert history["messages"] == ["message 2", "message 1"]
    assert history["status"].isupper()
    everything = site.get(f"{url}?actionHistory=-1").json()["actionHistory"]["messages"]
    assert everything == ["message 2", "message 1", "message 0"]
    assert site.get(f"{url}?actionHistory=x").status_code == 400


def test_unknown_actions_are_404_with_an_error_code(site: Site) -> None:
    """An id that this target has not answers 404 with hawkBit's code, on each channel."""
    action = site.assign()
    far = action.id + 1000
    for answer in (
        site.get(f"/deploymentBase/{far}"),
        site.get(f"/cancelAction/{far}"),
        site.http.post(
            f"{site.base}/deploymentBase/{far}/feedback",
            json={"id": str(far), "status": {"execution": "proceeding", "result": {"finished": "none"}}},
        ),
    ):
        assert answer.status_code == 404
        assert answer.json()["errorCode"].endswith(("entityNotFound", "entitiyNotFound"))
    assert (site.get(f"/cancelAction/{action.id}").status_code, site.get("/nonsense").status_code) == (
        404,
        404,
    )
    assert site.get(f"/cancelAction/{action.id}").content == b""


# feedback


@pytest.mark.parametrize(
    ("execution", "finished", "entry", "outcome"),
    [
        ("closed", "success", "finished", "finished"),
        ("closed", "none", "finished", "finished"),
        ("closed", "failure", "error", "error"),
        ("downloaded", "none", "downloaded", None),
        ("download", "none", "download", None),
        ("canceled", "none", "canceled", None),
        ("rejected", "none", "warning", None),
        ("proceeding", "none", "running", None),
        ("proceeding", "failure", "running", None),
        ("scheduled", "none", "running", None),
        ("resumed", "none", "running", None),
    ],
)
def test_feedback_does_what_the_table_says(site: Site, execution, finished, entry, outcome) -> None:
    """Only closed ends an action, and `none` counts as success."""
    action = site.assign()
    answer = site.tell(action, execution, finished, "a detail")
    assert (answer.status_code, answer.content) == (200, b"")
    newest = action.history()[-1]
    assert (newest.type, newest.messages) == (entry, ("a detail",))
    assert action.outcome() == outcome
    again = site.tell(action, execution, finished)
    assert (again.status_code, again.content) == ((410, b"") if outcome else (200, b""))


@pytest.mark.parametrize(("finished", "status"), [("success", "in_sync"), ("failure", "error")])
def test_the_end_of_an_action_is_seen_at_the_target(site: Site, finished, status) -> None:
    """Success makes the target in sync and asks for attributes anew; failure does not ask."""
    site.http.put(f"{site.base}/configData", json={"data": {"a": "b"}})
    action = site.assign()
    assert site.server.update_status(site.target) == "pending"
    site.tell(action, "closed", finished)
    assert site.server.update_status(site.target) == status
    assert ("configData" in site.links()) == (finished == "success")
    assert ("installedBase" in site.links()) == (finished == "success" and site.quirks.installed_base)


def test_downloaded_ends_a_download_only_action(site: Site) -> None:
    """A download-only action is over with `downloaded`; what comes later is 410."""
    action = site.assign(kind="downloadonly")
    assert site.tell(action, "downloaded").status_code == 200
    assert action.outcome() is not None
    assert site.tell(action, "closed", "success").status_code == 410


@pytest.mark.parametrize(
    "status",
    [
        None,
        {},
        {"execution": "closed"},
        {"execution": "closed", "result": {}},
        {"execution": "CLOSED", "result": {"finished": "success"}},
        {"execution": "closed", "result": {"finished": "maybe"}},
        {"execution": "closed", "result": {"finished": "success"}, "details": {"a": 1}},
    ],
)
def test_feedback_that_is_none_is_refused(site: Site, status) -> None:
    """Missing members and unknown words: 400 with a code, and nothing happens."""
    action = site.assign()
    url = f"{site.base}/deploymentBase/{action.id}/feedback"
    answer = site.http.post(url, json={"id": str(action.id), "status": status})
    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "hawkbit.server.error.rest.body.notReadable"
    assert action.outcome() is None


def test_bare_text_as_details_is_a_matter_of_the_version(site: Site) -> None:
    """Since 1.1 details may be a text."""
    action = site.assign()
    status = {"execution": "proceeding", "result": {"finished": "none"}, "details": "text"}
    body = {"id": str(action.id), "status": status}
    answer = site.http.post(f"{site.base}/deploymentBase/{action.id}/feedback", json=body)
    assert answer.status_code == (200 if site.quirks.text_details else 400)


def test_the_body_repeats_the_id_on_old_servers(site: Site) -> None:
    """Up to 0.3 a missing or wrong id in the body is an empty 404."""
    action = site.assign()
    url = f"{site.base}/deploymentBase/{action.id}/feedback"
    status = {"execution": "proceeding", "result": {"finished": "none"}}
    for body in ({"status": status}, {"id": "1234567", "status": status}):
        answer = site.http.post(url, json=body)
        assert (answer.status_code, answer.content) == ((404, b"") if site.quirks.wants_id else (200, b""))


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("<none>", False),
        ("a<b>c", False),
        ("<urlopen error timed out>", False),
        ("<class 'ValueError'>", False),
        ("<?xml", False),
        ("<!-- x -->", False),
        ("a < b > c", True),
        ("<1>", True),
        ("</b>", True),
        ("bell \x07 and tab \t", True),
        ("5 > 4", True),
        ("ümläut ✓", True),
    ],
)
def test_markup_in_details_is_refused(site: Site, text, fits) -> None:
    """hawkBit takes no HTML in messages, not even to close an action, on both channels."""
    action = site.assign()
    assert site.tell(action, "closed", "success", text).status_code == (200 if fits else 400)
    assert (action.outcome() == "finished") == fits
    other = site.assign(b"other")
    other.cancel()
    answer = site.tell(other, "closed", "success", text, channel="cancelAction")
    assert answer.status_code == (200 if fits else 400)


def test_long_messages_are_cut_into_pieces(site: Site) -> None:
    """A text of 1,100 characters becomes three messages."""
    action = site.assign()
    site.tell(action, "proceeding", "none", "x" * 1100)
    assert sorted(map(len, action.history()[-1].messages)) == [76, 512, 512]


@pytest.mark.parametrize(("execution", "finished"), [("proceeding", "none"), ("closed", "success")])
def test_more_than_fifty_messages_are_refused(site: Site, execution, finished) -> None:
    """The quota of messages holds for closing feedback too, and then the action stays open."""
    action = site.assign()
    answer = site.tell(action, execution, finished, *["x"] * 51)
    assert answer.status_code == site.quirks.quota_status
    assert answer.json()["errorCode"] == "hawkbit.server.error.quota.tooManyEntries"
    assert action.outcome() is None
    assert site.tell(action, execution, finished, *["x"] * 50).status_code == 200


def test_a_full_history_takes_no_progress(site: Site) -> None:
    """With 1,000 entries progress and downloads are refused; whether closing is depends on the version."""
    action = site.assign(CONTENT)
    url = site.artifact(action)
    refused = next(
        answer for _ in range(1001) if (answer := site.tell(action, "proceeding")).status_code != 200
    )
    assert len(action.history()) == 1000
    assert refused.status_code == site.quirks.quota_status
    assert refused.json()["errorCode"] == "hawkbit.server.error.quota.tooManyEntries"
    assert site.get(url).status_code == site.quirks.quota_status
    closed = site.tell(action, "closed", "success", "done")
    assert closed.status_code == (200 if site.quirks.closes_when_full else site.quirks.quota_status)
    action.cancel()
    if not site.quirks.closes_when_full:
        assert site.tell(action, "closed", "success", channel="cancelAction").status_code == 200
        assert action.outcome() == "canceled"


# cancelations


def test_a_cancelation_names_its_action_as_strings(site: Site) -> None:
    """GET cancelAction has id and stopId, the same, as strings; it is noted."""
    action = site.assign()
    action.cancel()
    document = site.get(site.links()["cancelAction"]).json()
    assert document == {"id": str(action.id), "cancelAction": {"stopId": str(action.id)}}
    assert types(action)[-2:] == ["canceling", "retrieved"]
    gone = site.get(f"/deploymentBase/{action.id}")
    assert gone.status_code == 404


@pytest.mark.parametrize(
    ("execution", "finished", "outcome", "link"),
    [
        ("closed", "success", "canceled", None),
        ("closed", "none", "canceled", None),
        ("closed", "failure", None, "deploymentBase"),
        ("rejected", "none", None, "deploymentBase"),
        ("canceled", "none", None, "cancelAction"),
        ("proceeding", "none", None, "cancelAction"),
    ],
)
def test_cancel_feedback_does_what_the_table_says(site: Site, execution, finished, outcome, link) -> None:
    """Only closed accepts; rejected or a failure brings the deployment back."""
    site.http.put(f"{site.base}/configData", json={"data": {"a": "b"}})
    action = site.assign()
    action.cancel()
    answer = site.tell(action, execution, finished, "a detail", channel="cancelAction")
    assert (answer.status_code, answer.content) == (200, b"")
    assert action.outcome() == outcome
    assert set(site.links()) == ({link} if link else set())
    assert "a detail" in action.messages()


def test_nothing_to_cancel_is_405(site: Site) -> None:
    """Cancel feedback for an action that is not being canceled has a code of its own."""
    action = site.assign()
    answer = site.tell(action, "closed", "success", channel="cancelAction")
    assert answer.status_code == 405
    assert answer.json()["errorCode"].lower() == "hawkbit.server.error.action.notcancelable"


def test_success_wins_over_a_pending_cancelation(site: Site) -> None:
    """closed on deploymentBase while canceling finishes the action."""
    action = site.assign()
    action.cancel()
    assert site.tell(action, "proceeding").status_code == 200
    assert "cancelAction" in site.links()
    assert site.tell(action, "closed", "success").status_code == 200
    assert action.outcome() == "finished"
    assert site.tell(action, "closed", "success", channel="cancelAction").status_code == 405


def test_after_a_force_quit_all_is_gone(site: Site) -> None:
    """Payload and file answer 404, feedback 410 without a body."""
    action = site.assign(CONTENT)
    url = site.artifact(action)
    action.cancel()
    action.force_quit()
    assert action.outcome() == "canceled"
    assert site.get(f"/deploymentBase/{action.id}").status_code == 404
    assert site.get(url).status_code == 404
    late = site.tell(action, "closed", "success")
    assert (late.status_code, late.content) == (410, b"")


# artifacts


def test_an_artifact_comes_with_tag_and_length(site: Site) -> None:
    """The whole file, its ETag made of the sha1, and one entry in the history."""
    action = site.assign(CONTENT)
    answer = site.get(site.artifact(action))
    sha1 = hashlib.sha1(CONTENT).hexdigest()
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["ETag"] == (f'"{sha1}"' if site.quirks.quotes_etag else sha1)
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers.get("Content-Range") == (
        None if site.quirks.quotes_etag else f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"
    )
    assert types(action)[-1] == "download"


@pytest.mark.parametrize(
    ("wanted", "status", "start", "end"),
    [
        ("bytes=5-9", 206, 5, 9),
        ("bytes=10000-", 206, 10000, 10239),
        ("bytes=10000-99999", 206, 10000, 10239),
        ("bytes=-10", 206, 10230, 10239),
        ("bytes=10240-", 416, 0, 0),
        ("bytes=9-5", 416, 0, 0),
        ("items=1-2", 416, 0, 0),
        ("bytes=a-b", 416, 0, 0),
    ],
)
def test_ranges_are_served_or_refused(site: Site, wanted, status, start, end) -> None:
    """206 with the range, or 416 with the size."""
    url = site.artifact(site.assign(CONTENT))
    answer = site.get(url, Range=wanted)
    assert answer.status_code == status
    if status == 206:
        assert answer.headers["Content-Range"] == f"bytes {start}-{end}/10240"
        assert answer.content == CONTENT[start : end + 1]
    else:
        assert answer.headers["Content-Range"] == "bytes */10240"
        assert answer.content == b""


def test_a_range_is_noted_by_old_servers_only(site: Site) -> None:
    """Up to 0.7 each Range request adds an entry."""
    action = site.assign(CONTENT)
    url = site.artifact(action)
    site.get(url, Range="bytes=5-")
    assert (types(action)[-1] == "download") == site.quirks.logs_ranges


def test_if_range_wants_the_tag_as_received(site: Site) -> None:
    """The own tag gives the rest; another, or the same in another form, everything."""
    url = site.artifact(site.assign(CONTENT))
    tag = site.get(url, Range="bytes=5-9").headers["ETag"]
    other_form = tag.strip('"') if site.quirks.quotes_etag else f'"{tag}"'
    assert site.get(url, Range="bytes=5-", **{"If-Range": tag}).status_code == 206
    for wrong in ('"0123"', other_form, f"W/{tag}"):
        answer = site.get(url, Range="bytes=5-", **{"If-Range": wrong})
        assert (answer.status_code, answer.content) == (200, CONTENT), wrong


def test_a_wrong_if_match_is_412(site: Site) -> None:
    """If-Match is compared with the bare sha1."""
    url = site.artifact(site.assign(CONTENT))
    assert site.get(url, **{"If-Match": '"0123"'}).status_code == 412
    assert site.get(url, **{"If-Match": hashlib.sha1(CONTENT).hexdigest()}).status_code == 200


def test_a_space_in_a_name_breaks_the_servers_own_link(site: Site) -> None:
    """hawkBit links `+`, under which it finds nothing; `%20` works."""
    url = site.artifact(site.assign(CONTENT, "my bundle.raucb"))
    assert url.endswith("/my+bundle.raucb")
    missing = site.get(url)
    assert (missing.status_code, missing.content) == (404, b"")
    assert site.get(url.replace("+", "%20")).content == CONTENT


def test_the_checksum_names_hash_and_file(site: Site) -> None:
    """.MD5SUM is a line for md5sum without a newline."""
    url = site.artifact(site.assign(CONTENT))
    answer = site.get(f"{url}.MD5SUM")
    assert answer.text == f"{hashlib.md5(CONTENT).hexdigest()}  a.raucb"
    assert answer.headers.get("Content-Type", "text/plain").startswith("text/plain")


def test_files_of_others_are_not_served(site: Site) -> None:
    """A module that no action of this target holds is 404, as is an unknown file."""
    url = site.artifact(site.assign(CONTENT))
    number = url.split("/softwaremodules/")[1].split("/")[0]
    assert site.get(url.replace(f"/{number}/", f"/{int(number) + 1000}/")).status_code == 404
    assert site.get(url.replace("a.raucb", "b.raucb")).status_code == 404


def test_after_success_old_servers_serve_on(site: Site) -> None:
    """An artifact is served while its action is active; in 0.3 also after."""
    action = site.assign(CONTENT)
    url = site.artifact(action)
    site.tell(action, "closed", "success")
    served = site.get(url).status_code == 200
    versions_that_forgot_the_check = ((0, 8), (1, 0))
    low, high = versions_that_forgot_the_check
    if not low <= site.server.version <= high:
        assert served == site.quirks.serves_after_end


# attributes


def test_attributes_are_merged_and_the_request_is_over(site: Site) -> None:
    """merge adds, replace replaces, remove removes; each takes the link away."""
    for mode, data, result in (
        (None, {"a": "1", "b": "2"}, {"a": "1", "b": "2"}),
        ("merge", {"b": "3", "c": "4"}, {"a": "1", "b": "3", "c": "4"}),
        ("remove", {"c": ""}, {"a": "1", "b": "3"}),
        ("replace", {"z": "9"}, {"z": "9"}),
    ):
        body = {"data": data} | ({"mode": mode} if mode else {})
        answer = site.http.put(f"{site.base}/configData", json=body)
        assert (answer.status_code, answer.content) == (200, b"")
        assert site.server.attributes(site.target) == result
        assert "configData" not in site.links()
    site.server.request_attributes(site.target)
    assert "configData" in site.links()


def test_attributes_beyond_the_limits_are_refused(site: Site) -> None:
    """128 characters a value and a key, 100 attributes; a refusal stores nothing."""
    url = f"{site.base}/configData"
    for data in ({"k": "v" * 129}, {"k" * 129: "v"}):
        answer = site.http.put(url, json={"data": data})
        assert answer.status_code == 400
        assert answer.json()["errorCode"] == "hawkbit.server.error.repo.invalidTargetAttributes"
    many = {str(number): "x" for number in range(101)}
    answer = site.http.put(url, json={"data": many})
    assert answer.status_code == site.quirks.quota_status
    assert answer.json()["errorCode"] == "hawkbit.server.error.quota.tooManyEntries"
    assert site.server.attributes(site.target) == {}
    assert site.http.put(url, json={"data": {"k": "v" * 128}}).status_code == 200


def test_the_alphabet_of_attributes_is_a_matter_of_the_version(site: Site) -> None:
    """Since 0.9 a tilde is refused."""
    answer = site.http.put(f"{site.base}/configData", json={"data": {"version": "1~rc1"}})
    assert answer.status_code == (400 if site.quirks.checks_attributes else 200)
