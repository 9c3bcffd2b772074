# SPDX-License-Identifier: LGPL-2.1-or-later
"""The configuration file: what rauc-hawkbit-updater's works with works, what can't work is said at once."""

from __future__ import annotations

import logging
import re
import types
import typing
from pathlib import Path

import pytest
from attrs import fields_dict
from hypothesis import example, given
from hypothesis import strategies as st
from rig.nginx import tls_keys
from rig.process import run

from hawkbit_rauc.config import config
from hawkbit_rauc.config.config import Config, load, parse
from hawkbit_rauc.config.keys import KEYS, SECTIONS, Program
from hawkbit_rauc.config.readers import Choice, Number
from hawkbit_rauc.errors import ConfigError

DATA = Path(__file__).parent / "data"
DOCUMENT = Path(__file__).parents[3] / "docs" / "configuration.md"
TOKEN = "cb115a721af28f781b493fa467819ef5"
BASE = {"hawkbit_server": "hawkbit.example.com", "target_name": "board-1", "auth_token": TOKEN}


def text(**keys: str | None) -> str:
    """A working [client] section with some keys set differently, or left out by None."""
    lines = [f"{key} = {value}" for key, value in (BASE | keys).items() if value is not None]
    return "\n".join(["[client]", *lines, ""])


def parsed(content: str) -> Config:
    return parse(content, "c.conf", state_dir=Path("/state"))


def read(**keys: str | None) -> Config:
    return parsed(text(**keys))


def mistakes(content: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parsed(content)
    return caught.value.mistakes


def only_mistake(**keys: str | None) -> str:
    found = mistakes(text(**keys))
    assert len(found) == 1, found
    return found[0]


# ---------------------------------------------------------------- files of the predecessors


def test_the_updaters_example_configuration_works_unchanged(tmp_path):
    """Each key of rauc-hawkbit-updater's example means what it means there, and none is unknown."""
    found = load(DATA / "rauc-hawkbit-updater.conf", state_dir=tmp_path)
    assert found.base_url == found.origin == "http://10.10.0.254:8080"
    assert (found.tenant_id, found.target_name, found.auth_token) == ("DEFAULT", "test-target", TOKEN)
    assert found.gateway_token is None
    assert found.ssl_key is None
    assert found.bundle_download_location == Path("/tmp/bundle.raucb")
    assert (found.retry_wait, found.connect_timeout, found.timeout) == (60, 20, 60)
    assert (found.low_speed_time, found.low_speed_rate) == (0, 0)
    assert (found.reboot, found.log_level) == (None, logging.INFO)
    assert found.attributes == {"mac_address": "ff:ff:ff:ff:ff:ff", "hw_revision": "2", "model": "T1"}
    assert found.warnings == ()
    assert any("bundle_download_location" in sentence for sentence in found.advice)


def test_rauc_hawkbits_configuration_works_unchanged(tmp_path):
    """The Python predecessor's file works; its mac_address is still told as MAC, its empty ca_file is none."""
    found = load(DATA / "rauc-hawkbit.cfg", state_dir=tmp_path)
    assert found.base_url == "http://127.0.0.1"
    assert found.attributes == {"MAC": "ff:ff:ff:ff:ff:ff"}
    assert (found.ca_file, found.log_level, found.warnings) == (None, logging.DEBUG, ())


def is_a(value: object, annotation: object) -> bool:
    """Whether a value is of an attribute's type; of a tuple or mapping, whether it is one."""
    kinds = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    return type(value) in {typing.get_origin(kind) or kind for kind in kinds}


def test_a_minimal_file_gives_each_attribute_a_value_of_its_type():
    """Rows and attributes agree, and the bundle goes to the state folder."""
    found = read()
    assert found.bundle_download_location == Path("/state/bundle.raucb")
    assert (found.source, found.warnings, found.advice, found.attributes) == ("c.conf", (), (), {})
    assert (found.auth_token, found.gateway_token, found.ssl_key_password) == (TOKEN, None, None)
    for name, annotation in typing.get_type_hints(Config).items():
        if name not in {"bundle_download_location", "attributes"}:  # a PosixPath, a dict
            assert is_a(getattr(found, name), annotation), name


@pytest.mark.parametrize("row", [row for row in KEYS.values() if row.default], ids=lambda row: row.name)
def test_a_default_is_what_may_be_written(row):
    """A file that writes a default out means the same as one that leaves it out."""
    assert read(**{row.name: row.default}) == read()


def test_each_key_reaches_an_attribute():
    """All keys but those that others stand for are attributes of the configuration."""
    others = {"hawkbit_server", "ssl", "ssl_engine", "post_update_reboot", "post_update_close", "mac_address"}
    assert set(KEYS) - set(fields_dict(Config)) == others


# ---------------------------------------------------------------- hawkbit_server


@pytest.mark.parametrize(
    ("server", "ssl", "base_url", "origin"),
    [
        ("Hawkbit.example.com", "true", "https://hawkbit.example.com", "https://hawkbit.example.com"),
        ("h:443", "true", "https://h", "https://h"),
        ("h:80", "true", "https://h:80", "https://h:80"),
        ("h:80", "false", "http://h", "http://h"),
        ("h:8443/update/", "true", "https://h:8443/update", "https://h:8443"),
        ("[2001:DB8::1]:8080", "false", "http://[2001:db8::1]:8080", "http://[2001:db8::1]:8080"),
        ("https://h:8443", "true", "https://h:8443", "https://h:8443"),
        ("HTTP://h", "false", "http://h", "http://h"),
    ],
)
def test_each_form_of_the_servers_address_is_read(server, ssl, base_url, origin):
    """Host, port, IPv6, prefix and a scheme that agrees with ssl give one base URL and one origin."""
    found = read(hawkbit_server=server, ssl=ssl)
    assert (found.base_url, found.origin) == (base_url, origin)


@pytest.mark.parametrize(
    "server",
    [
        "",
        "http://h",
        "ftp://h",
        "h:",
        "h:0",
        "h:65536",
        "h:x",
        "u:p@h",
        "h?x",
        "h#",
        "h/?x",
        "bücher.example",
        "::1",
        "[::1",
        "[zz::1]",
        "h h",
        "h..i",
        "/prefix",
        "://h",
        "h/a%2Fb",
        "h\\\\i",
        "h/\\ti",
    ],
)
def test_an_address_that_cannot_work_is_a_mistake(server):
    """What is no address, contradicts ssl, or names a user is refused with the forms that work."""
    assert re.fullmatch(
        r"c\.conf: \[client\] hawkbit_server .*; write .*\.", only_mistake(hawkbit_server=server)
    )


# ---------------------------------------------------------------- who we are


@pytest.mark.parametrize("key", ["target_name", "tenant_id"])
@pytest.mark.parametrize(
    "name", ["a/b", "a\\\\b", "a%b", "a;b", "a b", ".", "..", "a\\nb", "a\x01b", "x" * 257]
)
def test_an_id_that_hawkbit_refuses_is_a_mistake(key, name):
    """Ids that hawkBit answers with 400 however they are written never reach it."""
    assert key in only_mistake(**{key: name})


@pytest.mark.parametrize("name", ["board.1", "a:b+c#d?e<f", "größe", "x" * 128])
def test_an_id_that_hawkbit_takes_is_taken(name):
    """Unusual ids that work once encoded are not refused."""
    found = read(target_name=name)
    assert found.target_name == name
    assert found.advice == ()


@pytest.mark.parametrize("name", ["x" * 129, "a{b}"])
def test_an_id_that_hawkbit_takes_with_reservations_is_advised_against(name):
    """An id that needs help on the server works, and the reader is told."""
    assert "target_name" in read(target_name=name).advice[0]


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"auth_token": None}, ["auth_token"]),
        ({"auth_token": ""}, ["auth_token"]),
        ({"gateway_token": "g"}, ["gateway_token"]),
        ({"ssl_key": "/k", "ssl_cert": "/c"}, ["ssl_cert"]),
        ({"auth_token": None, "gateway_token": "g", "ssl_key": "/k", "ssl_cert": "/c"}, ["ssl_cert"]),
        ({"auth_token": None, "ssl_key": "/k"}, ["ssl_cert"]),
        ({"auth_token": None, "ssl_cert": "/c"}, ["ssl_key"]),
        ({"auth_token": None, "ssl_key": "/k", "ssl_cert": "/c", "ssl": "false"}, ["ssl"]),
        ({"auth_token": "a\\nb"}, ["auth_token"]),
        ({"auth_token": "ä"}, ["auth_token"]),
    ],
)
def test_there_is_exactly_one_way_to_authenticate(keys, named):
    """None, two, half a client certificate, or one without TLS is a mistake that names the key."""
    assert [re.findall(r"\[client\] (\w+)", sentence)[0] for sentence in mistakes(text(**keys))] == named


@pytest.mark.parametrize(
    "keys",
    [
        {"gateway_token": "g", "auth_token": None},
        {"gateway_token": "g", "auth_token": ""},
        {"auth_token": None, "ssl_key": "/k", "ssl_cert": "/c"},
    ],
)
def test_each_way_to_authenticate_works_alone(keys):
    """Gateway token and client certificate work without a target token."""
    found = read(**keys)
    assert (found.auth_token, bool(found.gateway_token), bool(found.ssl_cert)) == (
        None,
        "gateway_token" in keys,
        "ssl_cert" in keys,
    )


# ---------------------------------------------------------------- single values


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("1", True),
        ("yes", True),
        ("TRUE", True),
        ("false", False),
        ("0", False),
        ("No", False),
    ],
)
def test_booleans_are_read_as_the_c_program_reads_them(written, value):
    """True, yes and 1 in any case are true, and so on."""
    assert read(rauc_attributes=written).rauc_attributes is value


@pytest.mark.parametrize("written", ["", "maybe", "2", "true # comment"])
def test_a_boolean_that_is_none_is_a_mistake(written):
    """A value that the C program would refuse is refused here too."""
    assert "post_update_reboot is neither" in only_mistake(post_update_reboot=written)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ({}, None),
        ({"post_update_reboot": "true"}, "logind"),
        ({"reboot": "none"}, None),
        ({"reboot": "logind"}, "logind"),
        ({"reboot": "logind", "post_update_reboot": "true"}, "logind"),
        (
            {"reboot": "/usr/sbin/cold-boot --in 'five minutes'"},
            ("/usr/sbin/cold-boot", "--in", "five minutes"),
        ),
    ],
)
def test_reboot_says_how_and_the_older_key_whether(written, value):
    """Both together are fine as long as they don't contradict each other."""
    assert read(**written).reboot == value


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"reboot": "systemctl reboot"}, "reboot is neither none, logind nor a command"),
        ({"reboot": "/sbin/reboot '"}, "reboot is neither none, logind nor a command"),
        ({"reboot": "none", "post_update_reboot": "true"}, "post_update_reboot contradicts reboot"),
        ({"reboot": "logind", "post_update_reboot": "false"}, "post_update_reboot contradicts reboot"),
        ({"mark_good": "yes"}, "mark_good is none of observe, own"),
        ({"mark_good": "own", "commit_witness": "a.service"}, "commit_witness is of no use"),
    ],
)
def test_what_contradicts_itself_about_reboot_and_commit_is_a_mistake(written, words):
    """Rather than that the board guesses when to reboot or who commits."""
    assert words in only_mistake(**written)


@pytest.mark.parametrize(
    ("written", "value"), [("7", 7), ("+7", 7), ("007", 7), ("7 seconds", 7), ("7\t# s", 7)]
)
def test_numbers_are_read_as_glib_reads_them(written, value):
    """What follows white space is ignored, because such files work today."""
    assert read(retry_wait=written).retry_wait == value


@pytest.mark.parametrize("written", ["", "7s", "-1", "1.5", "0x10", "604801", "9" * 30, "٣"])
def test_a_number_that_cannot_work_is_a_mistake(written):
    """No number, a negative one or one beyond a week is refused with an example."""
    assert only_mistake(retry_wait=written) == (
        "c.conf: [client] retry_wait is not a whole number from 1 to 604800; write one, such as 300."
    )


def test_a_timeout_of_zero_means_the_default():
    """Libcurl's 0 (wait for ever) starts, with a bounded wait and an advice."""
    found = read(timeout="0", connect_timeout="0", retry_wait="0")
    assert (found.timeout, found.connect_timeout, found.retry_wait) == (60, 20, 300)
    assert len(found.advice) == 3


def test_the_connection_may_not_take_longer_than_the_request():
    """A contradiction is a mistake; a default is fitted to what is set."""
    assert "connect_timeout is longer" in only_mistake(timeout="10", connect_timeout="11")
    assert read(timeout="10").connect_timeout == 10
    assert read(timeout="10", connect_timeout="0").connect_timeout == 10


@pytest.mark.parametrize(
    ("key", "value", "remedy"),
    [
        ("proxy", "proxy.example.com:3128", "http://proxy.example.com:3128"),
        ("proxy", "socks5://proxy.example.com:3128", "http://proxy.example.com:3128"),
        ("proxy", "http://user:word@proxy.example.com:3128/path", "http://proxy.example.com:3128"),
        ("post_update_close", "false", "remove it"),
        ("report_success", "never", "booted, installed"),
        ("commit_witness", "rauc-mark-good", "rauc-mark-good.service"),
        ("bundle_download_location", "bundle.raucb", "begin it with /"),
        ("bundle_download_location", "/var/bundles/", "append a file's name"),
        ("ca_file", "ca.pem", "begin it with /"),
        ("download_origins", "cdn.example.com", "https://cdn.example.com"),
        ("download_origins", "https://cdn.example.com/path", "https://cdn.example.com"),
    ],
)
def test_a_value_that_cannot_work_is_a_mistake_with_a_remedy(key, value, remedy):
    """The one sentence names file, section and key, and says what to write."""
    sentence = only_mistake(**{key: value})
    assert sentence.startswith(f"c.conf: [client] {key} ")
    assert remedy in sentence


def test_a_key_in_a_token_is_taken_as_it_is_written():
    """A PKCS#11 URI in rauc-hawkbit-updater's form is not taken for a path, whatever the engine beside it."""
    uri = "pkcs11:token=t;object=k;type=private?pin-value=1234"
    found = read(auth_token=None, ssl_key=uri, ssl_cert="/c", ssl_engine="pkcs11")
    assert found.ssl_key == uri
    assert "1234" not in repr(found)


def test_a_certificate_in_a_token_is_refused_by_name():
    """Python reads certificates from files alone, and they are no secret."""
    found = mistakes(text(auth_token=None, ssl_key="pkcs11:object=k", ssl_cert="pkcs11:object=c"))
    assert len(found) == 1
    assert "ssl_cert is a PKCS#11 URI" in found[0]


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1:3128", "https://[::1]:3128", "http://proxy.example.com", "http://u:p%40ss@proxy:3128/"],
)
def test_a_proxy_is_taken_and_never_shown(url):
    """With user and password, and without; they are secrets."""
    found = read(proxy=url)
    assert found.proxy == url
    assert url not in repr(found)


@pytest.mark.parametrize(
    ("key", "value"), [("ssl_engine", "pkcs11"), ("ssl_engine", ""), ("post_update_close", "true")]
)
def test_harmless_values_of_what_comes_later_are_accepted(key, value):
    """A file that does not ask for a missing capability works."""
    assert read(**{key: value}).warnings == ()


def test_the_keys_of_our_own_are_read():
    """Each new key reaches the configuration."""
    found = read(
        report_success="installed",
        commit_witness="boot-complete.target",
        ca_file="/etc/ca.pem",
        first_poll_within="0",
        once_timeout="5",
        give_up_after="3600",
        download_origins="https://CDN.example.com:443; http://h:8080/,https://cdn.example.com",
    )
    assert (found.report_success, found.commit_witness, found.ca_file) == (
        "installed",
        "boot-complete.target",
        Path("/etc/ca.pem"),
    )
    assert (found.first_poll_within, found.once_timeout, found.give_up_after) == (0, 5, 3600)
    assert found.download_origins == ("https://cdn.example.com", "http://h:8080")
    assert len(found.advice) == 1  # the plain http


@pytest.mark.parametrize(
    ("word", "level"),
    [
        ("debug", logging.DEBUG),
        ("info", logging.INFO),
        ("message", logging.INFO),
        ("warning", logging.WARNING),
        ("critical", logging.ERROR),
        ("error", logging.ERROR),
        ("fatal", logging.CRITICAL),
        ("WARN", logging.WARNING),
    ],
)
def test_the_c_programs_log_levels_have_a_counterpart(word, level):
    """Each of GLib's words is one of logging's levels."""
    assert read(log_level=word).log_level == level


def test_an_unknown_log_level_is_no_reason_not_to_start():
    """The C program goes on with message, so do we, with an advice."""
    found = read(log_level="loud")
    assert found.log_level == logging.INFO
    assert "log_level" in found.advice[0]


@pytest.mark.parametrize("path", ["/tmp/bundle.raucb", "/run/x"])
def test_a_bundle_in_memory_is_obeyed_and_advised_against(path):
    """The C program's example puts it into /tmp; that works, and `check` has something to say."""
    found = read(bundle_download_location=path)
    assert str(found.bundle_download_location) == path
    assert "bundle_download_location" in found.advice[0]


def test_unverified_tls_is_obeyed_and_advised_against():
    """ssl_verify = false is what the file says; it is not passed over in silence."""
    found = read(ssl_verify="false")
    assert found.ssl_verify is False
    assert "ca_file" in found.advice[0]


# ---------------------------------------------------------------- many mistakes, unknown keys


def test_all_mistakes_are_told_at_once():
    """One look at the file is enough to put it right."""
    found = mistakes("[client]\nssl = maybe\ntimeout = x\nnonsense\nbundle_download_location = b\n")
    for what in (
        "line 4",
        "hawkbit_server",
        "target_name",
        "auth_token",
        "ssl ",
        "timeout",
        "bundle_download",
    ):
        assert sum(what in sentence for sentence in found) == 1, what
    assert all(sentence.startswith("c.conf: ") and sentence.count("\n") == 0 for sentence in found)


def test_an_empty_file_says_what_it_needs():
    """The first sentence says how to begin."""
    assert "put [client]" in mistakes("")[0]


def test_an_unknown_key_is_a_warning_with_the_nearest_known_one():
    """A misspelt key does not stop a board, but it is seen."""
    found = read(Log_Level="debug", retry_weit="1", xyzzy="1")
    assert found.log_level == logging.INFO
    assert "(did you mean log_level?)" in found.warnings[0]
    assert "(did you mean retry_wait?)" in found.warnings[1]
    assert "mean" not in found.warnings[2]
    assert found.advice == ()


def test_unknown_keys_are_told_along_with_mistakes():
    """A required key that is missing may be there, but misspelt."""
    found = mistakes(text(hawkbit_server=None, hawkbit_sever="h") + "[Device]\n")
    assert found == [
        "c.conf: [client] hawkbit_server is missing; write HOST or HOST:PORT.",
        "c.conf: section [Device] (did you mean [device]?) is unknown and ignored.",
        "c.conf: [client] line 4: key hawkbit_sever (did you mean hawkbit_server?) is unknown and ignored.",
    ]


def test_a_token_is_never_shown():
    """Neither a printed configuration nor a sentence about the token itself holds it."""
    assert TOKEN not in repr(read())
    assert TOKEN not in repr(read(auth_token=None, gateway_token=TOKEN))
    assert TOKEN not in only_mistake(auth_token=f"{TOKEN}\\n{TOKEN}")
    assert TOKEN not in str(read(auth_token=f"{TOKEN}\\q").advice)


def test_an_unknown_section_is_a_warning_with_the_nearest_known_one():
    """So is a misspelt section."""
    found = parsed(text() + "[Device]\na=b\n")
    assert found.attributes == {}
    assert "did you mean [device]?" in found.warnings[0]


def test_what_may_be_a_stray_token_is_not_quoted():
    """A token in the place of a key is named by its line only."""
    found = parsed(text() + f"auth_token {TOKEN}==\n{TOKEN}=\n[{TOKEN}]\n")
    assert len(found.warnings) == 3
    assert TOKEN not in str(found.warnings)


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("kind", ["missing", "folder", "binary", "large", "unreadable name"])
def test_a_file_that_cannot_be_read_is_one_mistake(tmp_path, kind):
    """Whatever --config names, the answer is a sentence."""
    path = tmp_path / ("x" * 300 if kind == "unreadable name" else "c.conf")
    if kind == "folder":
        path.mkdir()
    elif kind == "binary":
        path.write_bytes(bytes(range(256)))
    elif kind == "large":
        path.write_bytes(b"#" * (2 << 20))
    with pytest.raises(ConfigError, match=re.escape(str(path))):
        load(path, state_dir=tmp_path)


def test_a_value_that_is_not_utf8_is_a_mistake_and_a_comment_is_not(tmp_path):
    """GLib looks at values only, so an old Latin-1 comment does no harm."""
    path = tmp_path / "c.conf"
    path.write_bytes(b"# gr\xf6\xdfe\n" + text().encode())
    assert load(path, state_dir=tmp_path).target_name == "board-1"
    path.write_bytes(text(ca_file="/gr\xf6\xdfe").encode("latin-1"))
    with pytest.raises(ConfigError, match="ca_file is not UTF-8; write the file in UTF-8"):
        load(path, state_dir=tmp_path)


def test_an_attribute_that_is_not_utf8_can_be_printed_and_sent(tmp_path):
    """A [device] value in Latin-1 is no mistake in the C program; what is left of it can be encoded."""
    path = tmp_path / "c.conf"
    path.write_bytes(text().encode() + b"[device]\nname=gr\xf6\xdfe\n")
    assert load(path, state_dir=tmp_path).attributes == {"name": "gr??e"}


def test_files_that_are_named_have_to_be_readable(tmp_path):
    """Missing certificates are found at the start, together with everything else."""
    path = tmp_path / "c.conf"
    path.write_text(
        text(auth_token=None, ca_file="/no/ca", ssl_key="/no/key", ssl_cert=str(tmp_path), retry_wait="x")
    )
    with pytest.raises(ConfigError) as caught:
        load(path, state_dir=tmp_path)
    assert len(caught.value.mistakes) == 4


def test_files_that_can_be_read_are_taken(tmp_path):
    """A certificate, its key and a CA that are there reach the configuration."""
    files = with_certificate()
    path = tmp_path / "c.conf"
    path.write_text(text(**files))
    found = load(path, state_dir=tmp_path)
    assert (str(found.ca_file), found.ssl_key, str(found.ssl_cert)) == (
        files["ca_file"],
        files["ssl_key"],
        files["ssl_cert"],
    )


def with_certificate(**keys: str | None) -> dict[str, str | None]:
    """Keys of a configuration with a client certificate instead of a token."""
    folder = tls_keys()
    files = {"ca_file": "ca.pem", "ssl_cert": "client.pem", "ssl_key": "client.key.pem"}
    return {"auth_token": None, **{key: str(folder / name) for key, name in files.items()}, **keys}


def encrypted_key(folder: Path, *how: str) -> str:
    """The client's key once more, with the password `sesame`."""
    path = folder / "encrypted.pem"
    run("openssl", *how, "-in", tls_keys() / "client.key.pem", "-out", path, "-passout", "pass:sesame")
    return str(path)


@pytest.mark.parametrize(
    ("keys", "key", "remedy"),
    [
        ({"ca_file": "/dev/null"}, "ca_file", "authorities to trust"),
        ({"ssl_cert": "/dev/null"}, "ssl_cert", "name a certificate and its key"),
        ({"ssl_key": "server"}, "ssl_key", "name the two that belong together"),
        ({"ssl_key": "encrypted"}, "ssl_key", "as the systemd credential ssl_key_password"),
        ({"ssl_key": "pkcs11:object=k"}, "ssl_key", "activate pkcs11-provider"),
    ],
)
def test_a_file_that_openssl_cannot_use_is_told_at_the_start(keys, key, remedy, tmp_path, monkeypatch):
    """Certificate, key and authorities are loaded once to see that they work, and nobody is asked for a password."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    if keys.get("ssl_key") == "server":
        keys = {"ssl_key": str(tls_keys() / "server.key.pem")}
    if keys.get("ssl_key") == "encrypted":
        keys = {"ssl_key": encrypted_key(tmp_path, "pkcs8", "-topk8")}
    path = tmp_path / "c.conf"
    path.write_text(text(**with_certificate(**keys)))
    with pytest.raises(ConfigError) as caught:
        load(path, state_dir=tmp_path)
    (found,) = caught.value.mistakes
    assert found.startswith(f"{path}: [client] {key} ")
    assert remedy in found


@pytest.mark.parametrize("how", [("pkcs8", "-topk8"), ("rsa", "-aes256", "-traditional")])
def test_the_password_of_a_key_is_a_systemd_credential(how, tmp_path, monkeypatch):
    """An encrypted key opens with it, in the new form and the old; a wrong one is told, and not shown."""
    path = tmp_path / "c.conf"
    path.write_text(text(**with_certificate(ssl_key=encrypted_key(tmp_path, *how))))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "ssl_key_password").write_text("sesame\n")
    found = load(path, state_dir=tmp_path)
    assert found.ssl_key_password == "sesame"
    assert "sesame" not in repr(found)
    (tmp_path / "ssl_key_password").write_text("simsim")
    with pytest.raises(ConfigError, match="does not open with the password") as caught:
        load(path, state_dir=tmp_path)
    assert "simsim" not in str(caught.value)


def test_a_protected_key_and_streaming_exclude_each_other(tmp_path, monkeypatch):
    """RAUC fetches by itself, and there is no way to give it a password."""
    path = tmp_path / "c.conf"
    key = encrypted_key(tmp_path, "pkcs8", "-topk8")
    path.write_text(text(**with_certificate(ssl_key=key, stream_bundle="true")))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "ssl_key_password").write_text("sesame")
    with pytest.raises(ConfigError, match="RAUC takes no password"):
        load(path, state_dir=tmp_path)


def test_a_path_that_no_file_system_takes_is_no_crash(tmp_path):
    """A name that is too long is found at the download at the latest, not by a traceback here."""
    path = tmp_path / "c.conf"
    path.write_text(text(bundle_download_location="/" + "x" * 300))
    assert load(path, state_dir=tmp_path).bundle_download_location.name == "x" * 300


def test_a_folder_is_no_place_for_the_bundles_file(tmp_path):
    """An existing folder is found out although its name does not show it."""
    path = tmp_path / "c.conf"
    path.write_text(text(bundle_download_location=str(tmp_path)))
    with pytest.raises(ConfigError, match="bundle_download_location is a folder"):
        load(path, state_dir=tmp_path)


def test_a_token_that_everybody_can_read_is_advised_against(tmp_path):
    """The file's mode is looked at; a private file is fine."""
    path = tmp_path / "c.conf"
    path.write_text(text())
    path.chmod(0o644)
    assert "chmod o-r" in load(path, state_dir=tmp_path).advice[0]
    path.chmod(0o640)
    assert load(path, state_dir=tmp_path).advice == ()


def test_the_first_default_path_that_exists_is_used(tmp_path, monkeypatch):
    """Our own file wins over the C program's, and none; one that we may not look at is not passed over."""
    ours, theirs = tmp_path / "ours.conf", tmp_path / "theirs.conf"
    monkeypatch.setattr(config, "DEFAULT_PATHS", (ours, theirs))
    assert config.find_config() == ours
    theirs.touch()
    assert config.find_config() == theirs
    ours.touch()
    assert config.find_config() == ours
    monkeypatch.setattr(config, "DEFAULT_PATHS", (hidden := tmp_path / ("x" * 300), theirs))
    assert config.find_config() == hidden
    monkeypatch.setattr(config, "DEFAULT_PATHS", (theirs / "c.conf", ours))
    assert config.find_config() == ours


# ---------------------------------------------------------------- any text


@given(
    st.one_of(
        st.text(),
        st.lists(
            st.one_of(
                st.sampled_from(
                    ["[client]", "[device]", "[x]", "[", "#", f"auth_token={TOKEN}", f"gateway_token={TOKEN}"]
                ),
                st.builds("{}={}".format, st.sampled_from(list(KEYS)), st.text()),
                st.builds(
                    "{}={}".format,
                    st.sampled_from(["hawkbit_server", "download_origins"]),
                    st.text("ht:/p@[]?#%.;,1aA\\ "),
                ),
                st.text(),
            )
        ).map("\n".join),
    )
)
@example(f"[client]\nauth_token={TOKEN}\nhawkbit_server=[\n")
@example("[client]\nhawkbit_server=h:٣\n")
def test_any_text_is_a_configuration_or_a_config_error_and_tokens_stay_secret(content):
    """Nothing else ever comes out, whatever is in the file, and no sentence holds a token."""
    try:
        shown = repr(parsed(content))
    except ConfigError as error:
        shown = str(error)
    assert shown
    if content.count(TOKEN) == len(re.findall(rf"(?m)^(?:auth|gateway)_token={TOKEN}$", content)):
        assert TOKEN not in shown


@given(st.binary(max_size=400))
def test_any_bytes_are_a_configuration_or_a_config_error(tmp_path_factory, data):
    """The same holds for a file of any bytes."""
    path = tmp_path_factory.getbasetemp() / "any.conf"
    path.write_bytes(text().encode() + data)
    try:
        shown = load(path, state_dir=path.parent).source
    except ConfigError as error:
        shown = str(error)
    assert str(path) in shown


# ---------------------------------------------------------------- the document


def documented() -> dict[str, list[str]]:
    """The rows of the table of [client] in the document: key, and the other cells without markup."""
    part = DOCUMENT.read_text().split("\n## [client]\n")[1].split("\n## ")[0]
    rows = re.findall(r"(?m)^\| `(\w+)` \| (.*) \|$", part)
    return {key: [cell.strip() for cell in cells.replace("`", "").split("|")] for key, cells in rows}


def test_the_document_lists_exactly_the_keys_that_the_program_reads():
    """Each key stands in the table of docs/configuration.md, in the order of the program's, and nothing else does."""
    assert list(documented()) == list(KEYS)
    assert set(SECTIONS) == {"client", "device"}


@pytest.mark.parametrize("row", KEYS.values(), ids=lambda row: row.name)
def test_the_document_tells_what_the_program_knows(row):
    """The table begins a key's meaning with its help, and tells its default and whether it is new."""
    meaning, default, differs = documented()[row.name]
    assert meaning.startswith(row.help)
    assert default == row.told_default
    beginnings = {Program.OURS: "New", Program.PREDECESSOR: "Of rauc-hawkbit."}
    for program, beginning in beginnings.items():
        assert differs.startswith(beginning) == (row.program is program)


@pytest.mark.parametrize("row", KEYS.values(), ids=lambda row: row.name)
def test_help_is_a_sentence_for_people(row):
    """It is one sentence without markup, and names the unit of a number and each word that may be written."""
    assert row.help.endswith(".")
    assert not re.search(r"`|\||\n|\. |\]\(", row.help)
    if isinstance(row.reader, Number):
        assert row.reader.unit in row.help.lower()
    if isinstance(row.reader, Choice):
        assert set(row.reader.words) <= set(re.findall(r"\w+", row.help))
