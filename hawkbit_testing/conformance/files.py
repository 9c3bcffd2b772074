# SPDX-License-Identifier: LGPL-2.1-or-later
"""softwaremodules/{moduleId}/artifacts: listing, downloads in whole and in part, checksums."""

import hashlib

import httpx

from hawkbit_testing.conformance.site import NAME, Action, Controller, Site, answered, had, outline

LIST = "GET softwaremodules/{moduleId}/artifacts"
FILE = f"{LIST}/{{fileName}}"
CHECKSUM = f"{FILE}.MD5SUM"


def listing(site: Site) -> None:
    """The files of a module."""
    controller = site.controller()
    action = controller.assign()
    path = controller.module_path(action)
    answer = controller.get(path)
    site.note(LIST, "open", "", answered(answer), outline(answer.json()) if answer.status_code == 200 else "")
    other = site.controller()
    site.note(LIST, "another target's module", "", answered(other.get(path)))
    site.note(LIST, "unknown module", "", answered(other.get("softwaremodules/987654321/artifacts")))
    controller.tell(action, "closed", "success")
    site.note(LIST, "closed with success", "", answered(controller.get(path)))


def states(site: Site) -> None:
    """In which states a file is served."""

    def both(state: str, controller: Controller, url: str) -> None:
        site.note(FILE, state, "", answered(controller.get(url)))
        site.note(FILE, state, "Range: bytes=5-", answered(controller.get(url, Range="bytes=5-")))

    for finished in ("success", "failure"):
        controller = site.controller()
        action = controller.assign()
        url = controller.artifact(action)
        controller.tell(action, "closed", finished)
        both(f"closed with {finished}", controller, url)
    controller = site.controller()
    action = controller.assign()
    url = controller.artifact(action)
    action.cancel()
    both("canceling", controller, url)
    action.force_quit()
    both("force-quit", controller, url)
    other = site.controller()
    both("another target's module", other, url.replace(controller.target.id, other.target.id))


def whole(site: Site) -> None:
    """A file as a whole."""
    controller = site.controller()
    action = controller.assign()
    url = controller.artifact(action)
    answer = controller.get(url)
    site.note(
        FILE, "open", "", answered(answer), f"bytes right: {answer.content == site.content}", newest(action)
    )
    for name in (
        "Accept-Ranges",
        "Content-Disposition",
        "Content-Type",
        "Content-Range",
        "X-Content-Type-Options",
    ):
        site.note(FILE, "open", f"header {name}", answer.headers.get(name, "none"))
    tag, bare = answer.headers.get("ETag", "none"), hashlib.sha1(site.content).hexdigest()
    site.note(
        FILE, "open", "header ETag", {bare: "sha1", f'"{bare}"': "sha1 in quotes"}.get(tag, "something else")
    )
    missing = controller.get(url.replace(NAME, "b.raucb"))
    site.note(FILE, "open", "a file that there is not", answered(missing))
    missing = controller.get(f"softwaremodules/987654321/artifacts/{NAME}")
    site.note(FILE, "unknown module", "", answered(missing))
    narrow = controller.get(f"softwaremodules/987654321/artifacts/{NAME}", Accept="application/octet-stream")
    site.note(FILE, "unknown module", "Accept: application/octet-stream", answered(narrow))
    head = controller.ask("HEAD", url)
    site.note(
        FILE,
        "open",
        "HEAD",
        answered(head),
        f"length right: {head.headers.get('Content-Length') == str(len(site.content))}",
    )
    site.note(FILE, "open", "If-None-Match: the tag", answered(controller.get(url, If_None_Match=tag)))
    narrow = controller.get(url, Accept="application/octet-stream")
    site.note(FILE, "open", "Accept: application/octet-stream", answered(narrow))


def ranges(site: Site) -> None:
    """Parts of a file."""
    controller = site.controller()
    url = controller.artifact(controller.assign())
    size = len(site.content)
    for name, text in (
        ("5-9", "bytes=5-9"),
        ("0-", "bytes=0-"),
        ("to the end", f"bytes={size - 240}-"),
        ("beyond the end", f"bytes={size - 240}-{size * 10}"),
        ("the last ten", "bytes=-10"),
        ("at the end", f"bytes={size}-"),
        ("end before start", "bytes=9-5"),
        ("a suffix longer than the file", f"bytes=-{size + 1}"),
        ("a suffix of 0", "bytes=-0"),
        ("another unit", "items=1-2"),
        ("unit in upper case", "BYTES=1-2"),
        ("letters", "bytes=a-b"),
        ("with a space", "bytes= 1-2"),
        ("two", "bytes=20-29,0-9"),
        ("two that overlap", "bytes=0-9,5-14"),
    ):
        answer = controller.get(url, Range=text)
        site.note(FILE, "open", f"Range: {name}", *part(answer, size))
    action = controller.assign(site.other)
    controller.get(controller.artifact(action), Range="bytes=5-")
    site.note(FILE, "open", "history after a Range", newest(action))


def conditions(site: Site) -> None:
    """If-Range and If-Match."""
    controller = site.controller()
    url = controller.artifact(controller.assign())
    first = controller.get(url)
    tag, bare = first.headers.get("ETag", '""'), hashlib.sha1(site.content).hexdigest()
    for name, text in (
        ("the tag as received", tag),
        ("the bare sha1", bare),
        ("the sha1 in quotes", f'"{bare}"'),
        ("W/ and the tag", f"W/{tag}"),
        ("another tag", '"0123"'),
        ("its own Last-Modified", first.headers.get("Last-Modified", "")),
    ):
        answer = controller.get(url, Range="bytes=5-", If_Range=text)
        site.note(FILE, "open", f"Range, If-Range: {name}", *part(answer, len(site.content)))
    for name, text in (
        ("the tag as received", tag),
        ("the bare sha1", bare),
        ("*", "*"),
        ("another tag", '"0123"'),
    ):
        site.note(FILE, "open", f"If-Match: {name}", answered(controller.get(url, If_Match=text)))


def names(site: Site) -> None:
    """File names that a URL has to escape."""
    for name in ("my bundle.raucb", "a+b.raucb", "a(b).raucb", "ü.raucb"):
        controller = site.controller()
        url = controller.artifact(controller.assign(site.made(name)))
        own = controller.get(url)
        site.note(FILE, "open", f"{name} by the server's own link", answered(own))
        if "+" in url:
            site.note(FILE, "open", f"{name}, + as %20", answered(controller.get(url.replace("+", "%20"))))


def checksums(site: Site) -> None:
    """The line for md5sum."""
    controller = site.controller()
    action = controller.assign()
    url = controller.artifact(action)
    answer = controller.get(f"{url}.MD5SUM")
    right = answer.text == f"{hashlib.md5(site.content).hexdigest()}  {NAME}"
    site.note(
        CHECKSUM,
        "open",
        "",
        answered(answer),
        f"hash, two spaces, name, no newline: {right}",
        answer.headers.get("Content-Type", "no type"),
        newest(action),
    )
    controller.tell(action, "closed", "success")
    site.note(CHECKSUM, "closed with success", "", answered(controller.get(f"{url}.MD5SUM")))


def part(answer: httpx.Response, size: int) -> tuple[str, ...]:
    """Return status, range and length of an answer to a request for a part."""
    told = answer.headers.get("Content-Range", "no Content-Range").replace(str(size), "SIZE")
    told = (
        told.replace(str(size - 1), "LAST")
        .replace(str(size - 240), "SIZE-240")
        .replace(str(size - 10), "SIZE-10")
    )
    kind = answer.headers.get("Content-Type", "no type").partition(";")[0]
    if answer.status_code == 206 and kind.startswith("multipart/"):
        return answered(answer), kind
    length = len(answer.content)
    return (
        answered(answer),
        told,
        "whole" if length == size else f"{length} bytes" if length < 1000 else "the rest",
    )


def newest(action: Action) -> str:
    """Return the newest entry of a history."""
    return f"entry {had(lambda: action.history()[-1].type)}"


CHECKS = (listing, states, whole, ranges, conditions, names, checksums)
