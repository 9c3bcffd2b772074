# SPDX-License-Identifier: LGPL-2.1-or-later
"""PUT configData."""

from collections.abc import Mapping

from hawkbit_testing.conformance.site import Site, answered

CONFIG_DATA = "PUT configData"


def modes(site: Site) -> None:
    """How attributes are merged, replaced and removed."""
    controller = site.controller(told=False)
    for mode, data in (
        (None, {"a": "1", "b": "2"}),
        ("merge", {"b": "3", "c": "4"}),
        ("remove", {"c": ""}),
        ("replace", {"z": "9"}),
        ("merge", {"y": "8"}),
        ("merge", {"z": None}),
    ):
        with site.cell(CONFIG_DATA, "any", f"{mode or 'no mode'}: {listed(data)}") as saw:
            answer = controller.put("configData", {"data": data} | ({"mode": mode} if mode else {}))
            kept = listed(dict(sorted(controller.target.attributes.items())))
            saw(answered(answer), f"has {kept}", controller.links())


def listed(data: Mapping[str, str | None]) -> str:
    """Return attributes as a short text."""
    return ", ".join(f"{key}={value}" for key, value in data.items())


def values(site: Site) -> None:
    """What attributes may be."""
    controller = site.controller(told=False)
    for name, data in (
        ("no pair", {}),
        ("null in place of pairs", None),
        ("a value of 128 characters", {"k": "v" * 128}),
        ("a value of 129 characters", {"k": "v" * 129}),
        ("a key of 128 characters", {"k" * 128: "v"}),
        ("a key of 129 characters", {"k" * 129: "v"}),
        ("an empty value", {"k": ""}),
        ("a number", {"k": 1}),
        ("a boolean", {"k": True}),
        ("an object", {"k": {"a": 1}}),
        ("a list", {"k": [1]}),
        ("a tilde", {"k": "1~rc1"}),
        ("a letter outside of ASCII", {"k": "ü"}),
        ("punctuation", {"k": "a b_c-d.e:f/g(h)[i]{j}+k=l@m"}),
    ):
        with site.cell(CONFIG_DATA, "any", name) as saw:
            saw(answered(controller.put("configData", {"data": data})))
    with site.cell(CONFIG_DATA, "any", "an unknown mode") as saw:
        saw(answered(controller.put("configData", {"data": {"a": "b"}, "mode": "x"})))
    with site.cell(CONFIG_DATA, "any", "101 pairs") as saw:
        full = site.controller(told=False)
        answer = full.put("configData", {"data": {str(number): "x" for number in range(101)}})
        saw(answered(answer), f"has {len(full.target.attributes)}")


def bodies(site: Site) -> None:
    """What is no JSON, or not told as such."""
    controller = site.controller()
    for name, headers, content in (
        ("half a JSON", {"Content-Type": "application/json"}, b"{"),
        ("nothing", {"Content-Type": "application/json"}, b""),
        ("a list", {"Content-Type": "application/json"}, b"[]"),
        ("charset in the type", {"Content-Type": "application/json;charset=UTF-8"}, b'{"data": {"a": "b"}}'),
        ("type application/hal+json", {"Content-Type": "application/hal+json"}, b'{"data": {"a": "b"}}'),
        ("type text/plain", {"Content-Type": "text/plain"}, b'{"data": {"a": "b"}}'),
        ("no type", {}, b'{"data": {"a": "b"}}'),
    ):
        with site.cell(CONFIG_DATA, "any", f"body: {name}") as saw:
            saw(answered(controller.ask("PUT", "configData", headers=headers, content=content)))


CHECKS = (modes, values, bodies)
