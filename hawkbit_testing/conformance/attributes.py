# SPDX-License-Identifier: LGPL-2.1-or-later
"""PUT configData."""

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
        answer = controller.put("configData", {"data": data} | ({"mode": mode} if mode else {}))
        kept = ", ".join(f"{key}={value}" for key, value in sorted(controller.target.attributes.items()))
        wanted = ", ".join(f"{key}={value}" for key, value in data.items())
        site.note(
            CONFIG_DATA,
            "any",
            f"{mode or 'no mode'}: {wanted}",
            answered(answer),
            f"has {kept}",
            controller.links(),
        )


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
        site.note(CONFIG_DATA, "any", name, answered(controller.put("configData", {"data": data})))
    site.note(
        CONFIG_DATA,
        "any",
        "an unknown mode",
        answered(controller.put("configData", {"data": {"a": "b"}, "mode": "x"})),
    )
    full = site.controller(told=False)
    many = {str(number): "x" for number in range(101)}
    site.note(
        CONFIG_DATA,
        "any",
        "101 pairs",
        answered(full.put("configData", {"data": many})),
        f"has {len(full.target.attributes)}",
    )


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
        answer = controller.ask("PUT", "configData", headers=headers, content=content)
        site.note(CONFIG_DATA, "any", f"body: {name}", answered(answer))


CHECKS = (modes, values, bodies)
