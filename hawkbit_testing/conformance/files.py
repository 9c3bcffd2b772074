# SPDX-License-Identifier: LGPL-2.1-or-later
"""softwaremodules/{moduleId}/artifacts: listing, downloads in whole and in part, checksums."""

import hashlib

import httpx

from hawkbit_testing.conformance.site import NAME, Controller, Site, answered, newest, outline

LIST = "GET softwaremodules/{moduleId}/artifacts"
FILE = f"{LIST}/{{fileName}}"
CHECKSUM = f"{FILE}.MD5SUM"


def listing(site: Site) -> None:
    """The files of a module."""
    controller = site.controller()
    action = controller.assign()
    path = controller.module_path(action)
    with site.cell(LIST, "open") as saw:
        answer = controller.get(path)
        saw(answered(answer), outline(answer.json()) if answer.status_code == 200 else "")
    other = site.controller()
    with site.cell(LIST, "another target's module") as saw:
        saw(answered(other.get(path)))
    with site.cell(LIST, "unknown module") as saw:
        saw(answered(other.get("softwaremodules/987654321/artifacts")))
    controller.tell(action, "closed", "success")
    with site.cell(LIST, "closed with success") as saw:
        saw(answered(controller.get(path)))


def served(controller: Controller, state: str, url: str) -> None:
    """Note whether a file is served, in whole and in part."""
    with controller.site.cell(FILE, state) as saw:
        saw(answered(controller.get(url)))
    with controller.site.cell(FILE, state, "Range: bytes=5-") as saw:
        saw(answered(controller.get(url, Range="bytes=5-")))


def after_the_end(site: Site) -> None:
    """Whether a file is served when its action is over."""
    for finished in ("success", "failure"):
        with site.part(FILE, f"closed with {finished}"):
            controller = site.controller()
            action = controller.assign()
            url = controller.artifact(action)
            controller.tell(action, "closed", finished)
            served(controller, f"closed with {finished}", url)


def while_canceling(site: Site) -> None:
    """Whether a file is served when its action is to be canceled."""
    controller = site.controller()
    action = controller.assign()
    url = controller.artifact(action)
    action.cancel()
    served(controller, "canceling", url)
    action.force_quit()
    served(controller, "force-quit", url)


def to_others(site: Site) -> None:
    """Whether a file is served to a target that it is not meant for."""
    controller, other = site.controller(), site.controller()
    url = controller.artifact(controller.assign())
    served(other, "another target's module", url.replace(controller.target.id, other.target.id))


def whole(site: Site) -> None:
    """A file as a whole."""
    controller = site.controller()
    action = controller.assign()
    url = controller.artifact(action)
    answer = controller.get(url)
    with site.cell(FILE, "open") as saw:
        saw(answered(answer), f"bytes right: {answer.content == site.content}", newest(action))
    for name in (
        "Accept-Ranges",
        "Content-Disposition",
        "Content-Type",
        "Content-Range",
        "X-Content-Type-Options",
    ):
        with site.cell(FILE, "open", f"header {name}") as saw:
            saw(answer.headers.get(name, "none"))
    tag, bare = answer.headers.get("ETag", "none"), hashlib.sha1(site.content).hexdigest()
    with site.cell(FILE, "open", "header ETag") as saw:
        saw({bare: "sha1", f'"{bare}"': "sha1 in quotes"}.get(tag, "something else"))
    with site.cell(FILE, "open", "a file that there is not") as saw:
        saw(answered(controller.get(url.replace(NAME, "b.raucb"))))
    unknown = f"softwaremodules/987654321/artifacts/{NAME}"
    with site.cell(FILE, "unknown module") as saw:
        saw(answered(controller.get(unknown)))
    with site.cell(FILE, "unknown module", "Accept: application/octet-stream") as saw:
        saw(answered(controller.get(unknown, Accept="application/octet-stream")))
    with site.cell(FILE, "open", "HEAD") as saw:
        head = controller.ask("HEAD", url)
        right = head.headers.get("Content-Length") == str(len(site.content))
        saw(answered(head), f"length right: {right}")
    with site.cell(FILE, "open", "If-None-Match: the tag") as saw:
        saw(answered(controller.get(url, If_None_Match=tag)))
    with site.cell(FILE, "open", "Accept: application/octet-stream") as saw:
        saw(answered(controller.get(url, Accept="application/octet-stream")))


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
        with site.cell(FILE, "open", f"Range: {name}") as saw:
            saw(*part(controller.get(url, Range=text), size))
    with site.cell(FILE, "open", "history after a Range") as saw:
        action = controller.assign(site.other)
        controller.get(controller.artifact(action), Range="bytes=5-")
        saw(newest(action))


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
        with site.cell(FILE, "open", f"Range, If-Range: {name}") as saw:
            saw(*part(controller.get(url, Range="bytes=5-", If_Range=text), len(site.content)))
    for name, text in (
        ("the tag as received", tag),
        ("the bare sha1", bare),
        ("*", "*"),
        ("another tag", '"0123"'),
    ):
        with site.cell(FILE, "open", f"If-Match: {name}") as saw:
            saw(answered(controller.get(url, If_Match=text)))


def names(site: Site) -> None:
    """File names that a URL has to escape."""
    for name in ("my bundle.raucb", "a+b.raucb", "a(b).raucb", "ü.raucb"):
        with site.part(FILE, f"open, {name}"):
            controller = site.controller()
            url = controller.artifact(controller.assign(site.made(name)))
            with site.cell(FILE, "open", f"{name} by the server's own link") as saw:
                saw(answered(controller.get(url)))
            if "+" in url:
                with site.cell(FILE, "open", f"{name}, + as %20") as saw:
                    saw(answered(controller.get(url.replace("+", "%20"))))


def checksums(site: Site) -> None:
    """The line for md5sum."""
    controller = site.controller()
    action = controller.assign()
    url = controller.artifact(action)
    with site.cell(CHECKSUM, "open") as saw:
        answer = controller.get(f"{url}.MD5SUM")
        right = answer.text == f"{hashlib.md5(site.content).hexdigest()}  {NAME}"
        saw(
            answered(answer),
            f"hash, two spaces, name, no newline: {right}",
            answer.headers.get("Content-Type", "no type"),
            newest(action),
        )
    controller.tell(action, "closed", "success")
    with site.cell(CHECKSUM, "closed with success") as saw:
        saw(answered(controller.get(f"{url}.MD5SUM")))


def part(answer: httpx.Response, size: int) -> tuple[str, ...]:
    """Return status and range of an answer to a request for a part, and the length unless it is a refusal."""
    kind = answer.headers.get("Content-Type", "no type").partition(";")[0]
    if answer.status_code == 206 and kind.startswith("multipart/"):
        return answered(answer), kind
    told = answer.headers.get("Content-Range", "no Content-Range")
    for number, name in (
        (size, "SIZE"),
        (size - 1, "LAST"),
        (size - 240, "SIZE-240"),
        (size - 10, "SIZE-10"),
    ):
        told = told.replace(str(number), name)
    length = len(answer.content)
    if answer.status_code >= 400:
        return answered(answer), told
    if length == size:
        return answered(answer), told, "whole"
    return answered(answer), told, f"{length} bytes" if length < 1000 else "the rest"


CHECKS = (
    listing,
    after_the_end,
    while_canceling,
    to_others,
    whole,
    ranges,
    conditions,
    names,
    checksums,
)
