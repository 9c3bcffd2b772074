# SPDX-License-Identifier: LGPL-2.1-or-later
"""Signed bundles with known contents, and the keys that sign them."""

import hashlib
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from attrs import frozen

from rig import cache
from rig.debian import trixie
from rig.process import in_namespace, need, run

MIB = 1024 * 1024

# RAUC checks a signature as OpenSSL checks mail: a leaf without these usages is refused.
_LEAF = """\
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=codeSigning,emailProtection
"""

# What `openssl ca` takes, the only command that makes a certificate that begins another day.
_AUTHORITY = """\
[ca]
default_ca=here
[here]
database=index
serial=serial
new_certs_dir=.
default_md=sha256
policy=any
[any]
organizationName=optional
commonName=supplied
"""

# A full custom handler that writes the other slot and makes it primary, as those in the field do: past RAUC.
SWITCH = """\
for slot in $RAUC_TARGET_SLOTS; do
    eval "class=\\$RAUC_SLOT_CLASS_$slot device=\\$RAUC_SLOT_DEVICE_$slot bootname=\\$RAUC_SLOT_BOOTNAME_$slot"
    if [ "$class" = rootfs ]; then
        dd if="$RAUC_BUNDLE_MOUNT_POINT/rootfs.img" of="$device" conv=notrunc status=none
        "$RIG_SCRIPTS/bootloader.sh" set-primary "$bootname"
    fi
done
"""

# A hook that does the same after RAUC has written a slot, if RAUC has nothing to do with the boot loader.
SWITCH_SLOT = '"$RIG_SCRIPTS/bootloader.sh" set-primary "$RAUC_SLOT_BOOTNAME"'

_HOOK = """\
#!/bin/sh
[ -z "${{RIG_SCRIPTS:-}}" ] || . "$RIG_SCRIPTS/hold.sh"
case "$1" in
    install-check)
        {check}
        ;;
    slot-post-install)
        [ -z "${{RIG_SCRIPTS:-}}" ] || hold "post-install-$RAUC_IMAGE_CLASS"
        {commands}
        ;;
esac
"""


def _keys(folder: Path) -> None:
    need("openssl")
    folder.mkdir()
    (folder / "leaf").write_text(_LEAF)
    for authority, signer in (("ca", "signer"), ("wrong-ca", "wrong")):
        # fmt: off
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "7300", "-subj", f"/O=rig/CN={authority}",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", f"{authority}.key.pem", "-out", f"{authority}.pem", cwd=folder)
        run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/O=rig/CN={signer}",
            "-keyout", f"{signer}.key.pem", "-out", f"{signer}.csr", cwd=folder)
        run("openssl", "x509", "-req", "-in", f"{signer}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key.pem",
            "-CAcreateserial", "-days", "7300", "-extfile", "leaf", "-out", f"{signer}.pem", cwd=folder)
        # fmt: on


def keys() -> Path:
    """Return the folder with `ca.pem`, which boards trust, `signer.pem` of it, and `wrong.pem` of another."""
    return cache.once("keys", _keys)


def _early(folder: Path) -> None:
    folder.mkdir()
    (folder / "leaf").write_text(_LEAF)
    (folder / "authority").write_text(_AUTHORITY)
    (folder / "index").touch()
    (folder / "serial").write_text("1000\n")
    authority = keys()
    # fmt: off
    run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/O=rig/CN=early",
        "-keyout", "early.key.pem", "-out", "early.csr", cwd=folder)
    run("openssl", "ca", "-batch", "-notext", "-config", "authority", "-extfile", "leaf", "-in", "early.csr",
        "-cert", authority / "ca.pem", "-keyfile", authority / "ca.key.pem",
        "-startdate", "20980101000000Z", "-enddate", "20990101000000Z", "-out", "early.pem", cwd=folder)
    # fmt: on


def _key(sign: str) -> Path:
    """Return the path of a certificate without its `.pem`; the key is beside it."""
    folder = cache.once("keys-early", _early) if sign == "early" else keys()
    return folder / sign


@frozen
class Image:
    """An image of a bundle: what its slot must begin with after the installation.

    Attributes:
        text: what the file `version` says in it, if it is a file system: RAUC may write its status into that.
    """

    slot_class: str
    size: int
    sha256: str
    text: str | None = None


@frozen
class Bundle:
    """A bundle file."""

    path: Path
    version: str
    compatible: str
    images: tuple[Image, ...]

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    @property
    def image(self) -> Image:
        """The image for the slot that is booted."""
        return self.images[0]

    def digest(self, algorithm: str = "sha256") -> str:
        """Return a hash of the file in hexadecimal digits."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest()

    def cut(self, keep: float = 0.5) -> Path:
        """Return a copy of which only the first part is there."""
        copy = self.path.with_name(f"cut-{self.path.name}")
        shutil.copyfile(self.path, copy)
        with copy.open("r+b") as file:
            file.truncate(int(self.size * keep))
        return copy

    def flipped(self) -> Path:
        """Return a copy with one bit in its middle turned over."""
        copy = self.path.with_name(f"flipped-{self.path.name}")
        shutil.copyfile(self.path, copy)
        with copy.open("r+b") as file:
            file.seek(self.size // 2)
            byte = file.read(1)[0]
            file.seek(self.size // 2)
            file.write(bytes([byte ^ 1]))
        return copy


def make(
    folder: Path,
    version: str,
    *,
    compatible: str = "rig-board",
    size: int = 4 * MIB,
    seed: int | None = None,
    sign: Literal["signer", "wrong", "early"] = "signer",
    hook: str = "true",
    check: str = "",
    handler: str = "",
    classes: Sequence[str] = ("rootfs",),
    filesystem: bool = False,
    meta: Mapping[str, str] | None = None,
    form: Literal["plain", "verity"] = "plain",
) -> Bundle:
    """Make a bundle in `folder`.

    Args:
        folder: where it goes; the file is a copy, since RAUC takes possession of what it installs.
        version: its version; X.Y.Z for goosebit.
        compatible: the board that it says it is for.
        size: bytes of each image.
        seed: what the images' bytes are drawn from; the version unless said. Same seed and size, same bytes.
        sign: `wrong` signs with a key that no board trusts, `early` with one whose certificate is not valid
            before 2098: to a trusted one, a clock that is wrong looks the same.
        hook: shell commands that run after each slot was written; `exit 1` makes the installation fail.
        check: shell commands that decide whether the bundle may be installed, instead of its compatible;
            `exit 10` refuses it.
        handler: shell commands that RAUC runs instead of writing images; the bundle has some nevertheless.
        classes: of the slots that it has an image for.
        filesystem: the images are file systems, whose file `version` is drawn from the seed.
        meta: what the manifest says to us, in its section [meta.hawkbit-rauc].
        form: its format; RAUC streams `verity`, which takes a kernel with dm-verity to be installed.
    """
    seed_of = version if seed is None else seed
    contents = [
        _filesystem(f"{seed_of}/{name}", size)
        if filesystem
        else random.Random(f"{seed_of}/{name}").randbytes(size)
        for name in classes
    ]
    images = tuple(
        Image(name, size, hashlib.sha256(data).hexdigest(), f"{seed_of}/{name}" if filesystem else None)
        for name, data in zip(classes, contents, strict=True)
    )
    more = [*([] if form == "plain" else [form]), *(meta or {}).items()]
    more += [(name, text) for name, text in (("check", check), ("handler", handler)) if text]
    recipe = repr((1, version, compatible, images, sign, hook, *more))
    name = hashlib.sha256(recipe.encode()).hexdigest()[:16]

    def build(path: Path) -> None:
        need("rauc", "mksquashfs")
        source = path.with_name(path.name + ".d")
        cache.remove(source)
        source.mkdir()
        manifest = f"[update]\ncompatible={compatible}\nversion={version}\n\n[bundle]\nformat={form}\n"
        manifest += "\n[hooks]\nfilename=hook\n"
        if check:
            manifest += "hooks=install-check\n"
        if handler:
            manifest += "\n[handler]\nfilename=handler\n"
            (source / "handler").write_text(f"#!/bin/sh\n{handler}\n")
            (source / "handler").chmod(0o755)
        if meta:
            manifest += "\n[meta.hawkbit-rauc]\n" + "".join(f"{key}={text}\n" for key, text in meta.items())
        for image, data in zip(images, contents, strict=True):
            (source / f"{image.slot_class}.img").write_bytes(data)
            manifest += f"\n[image.{image.slot_class}]\nfilename={image.slot_class}.img\nhooks=post-install\n"
        (source / "manifest.raucm").write_text(manifest)
        (source / "hook").write_text(_HOOK.format(commands=hook, check=check or "true"))
        (source / "hook").chmod(0o755)
        key = _key(sign)
        command: list[str | Path] = [
            "rauc",
            "bundle",
            f"--cert={key}.pem",
            f"--key={key}.key.pem",
            source,
            path,
        ]
        # RAUC 1.8 leaves out the sections that it does not know.
        run(*in_namespace(command, {Path("/usr"): trixie() / "usr"}) if meta else command)
        cache.remove(source)

    cached = cache.once(f"bundles/{name}.raucb", build)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{version}-{name}.raucb"
    shutil.copyfile(cached, path)
    return Bundle(path, version, compatible, images)


def _filesystem(text: str, size: int) -> bytes:
    """Return an ext4 file system with one file, `version`; always the same bytes, as it is made once."""

    def build(path: Path) -> None:
        need("mke2fs")
        source = path.with_name(path.name + ".d")
        cache.remove(source)
        source.mkdir()
        (source / "version").write_text(text)
        run("mke2fs", "-q", "-t", "ext4", "-d", source, path, f"{size // 1024}k")
        cache.remove(source)

    name = hashlib.sha256(f"{text} {size}".encode()).hexdigest()[:16]
    return cache.once(f"filesystems/{name}.ext4", build).read_bytes()
