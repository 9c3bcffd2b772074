# SPDX-License-Identifier: LGPL-2.1-or-later
"""A token that holds the client's key: SoftHSM, and the OpenSSL provider that leads to it."""

import re
from pathlib import Path

from rig.cache import REPOSITORY, once
from rig.debian import mirror
from rig.nginx import tls_keys
from rig.process import need, run

PIN = "2718"
URI = "pkcs11:token=rig;object=client;type=private"

#: The page that shows OpenSSL's configuration; what is shown is what is used here.
PAGE = REPOSITORY / "docs" / "tls.md"


def _openssl(module: Path, softhsm: Path) -> str:
    """OpenSSL's configuration as the page shows it, with the places that the two files have here."""
    (text,) = re.findall(r"^```cnf\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    text = re.sub(r"(?m)^module = .*", f"module = {module}", text)
    return re.sub(r"(?m)^pkcs11-module-path = .*", f"pkcs11-module-path = {softhsm}", text)


def _extract(folder: Path) -> None:
    need("mmdebstrap")
    # fmt: off
    run("mmdebstrap", "--quiet", "--variant=extract", "--include=softhsm2,pkcs11-provider/bookworm-backports",
        "--aptopt=Apt::Install-Recommends false", "bookworm", folder,
        *(f"deb {mirror()} {suite} main" for suite in ("bookworm", "bookworm-backports")))
    # fmt: on


def token(folder: Path) -> dict[str, str]:
    """Make a token in `folder` that holds the key of `tls_keys()/client.pem`, under `URI` and `PIN`.

    Returns:
        The environment in which OpenSSL finds it.
    """
    root = once("softhsm", _extract)
    (library,) = root.glob("usr/lib/*/softhsm/libsofthsm2.so")
    (module,) = root.glob("usr/lib/*/ossl-modules/pkcs11.so")
    (folder / "tokens").mkdir(parents=True)
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\n")
    (folder / "openssl.cnf").write_text(_openssl(module, library))
    environment = {"SOFTHSM2_CONF": str(folder / "softhsm2.conf")}
    own = {**environment, "LD_LIBRARY_PATH": str(library.parents[1])}
    tool = root / "usr" / "bin" / "softhsm2-util"
    key, module_option = tls_keys() / "client.key.pem", ("--module", library)
    # fmt: off
    run(tool, *module_option, "--init-token", "--free", "--label", "rig", "--so-pin", PIN, "--pin", PIN, env=own)
    run(tool, *module_option, "--import", key, "--token", "rig", "--label", "client", "--id", "01", "--pin", PIN, env=own)
    # fmt: on
    return {**environment, "OPENSSL_CONF": str(folder / "openssl.cnf")}
