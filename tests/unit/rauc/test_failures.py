# SPDX-License-Identifier: LGPL-2.1-or-later
"""RAUC's sentences are taken for what they mean, and the words of others inside them decide nothing."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hawkbit_rauc.rauc.failures import LONGEST, TABLE, Failure, Row, classify, deciding_row

PAGE = Path(__file__).parents[3] / "docs" / "rauc-failures.md"

FINAL, PASSING, UNKNOWN = Failure.FINAL, Failure.PASSING, Failure.UNKNOWN

#: Whole sentences as RAUC's sources put them together; those of real runs are in tests/wire/rauc.
SAID = {
    # 1.8 and 1.9 alone
    "No slot configuration found": PASSING,
    "Bootname or device of booted slot not found": PASSING,
    "Did not find booted slot (matching '/dev/mmcblk0p9')": PASSING,
    "Installation error: No install image found": FINAL,
    "Installation error: Hook returned: no way": FINAL,
    "Installation error: Hook returned with exit code 12: Child process exited with code 12": FINAL,
    "Installation error: failed to run bundle hook: Child process exited with code 1": FINAL,
    "Installation error: Bundle rejected: Hook returned: board revision 1 is not supported": FINAL,
    "Installation error: Compatible mismatch: Expected 'a' but bundle manifest has 'b'": FINAL,
    "Installation error: No target slot for class appfs of image appfs.ext4 found": FINAL,
    "Installation error: Target slot for class rescue of image rescue.img is readonly": FINAL,
    "Installation error: Failed to find matching variant of image for rootfs": FINAL,
    "Installation error: Source image '/mnt/rauc/bundle/rootfs.img' not found": FINAL,
    "Installation error: Unsupported image /mnt/rauc/bundle/rootfs.foo for slot type ext4": FINAL,
    "Installation error: Failed marking slot rootfs.1 non-bootable: grub backend: "
    "Failed to run grub-editenv: Child process exited with code 1": PASSING,
    "Installation error: Failed marking slot rootfs.1 bootable: failed to activate slot rootfs.1: "
    "uboot backend: Failed to run fw_setenv: Child process exited with code 1": PASSING,
    "Installation error: Marked slot rootfs.1 bootable, but failed to write status file: "
    "Failed to create file “/data/central.raucs.X”: Read-only file system": PASSING,
    "Installation error: Unexpected error while trying to mark slot rootfs.1 bootable: odd": PASSING,
    "Installation error: Failed updating slot rootfs.1: Failed splicing data: "
    "Error reading from file: Input/output error": PASSING,
    "Invalid bundle format: Signature size (70000) exceeds 64KiB": FINAL,
    "Encrypted bundle detected, but no decryption key given": FINAL,
    # today's
    "Error getting loop backing_file for '/dev/loop0': Failed to open file": PASSING,
    "No keyring file or directory provided": PASSING,
    "Failed to stream bundle https://h/b.raucb: failed to configure streaming: server not responding": PASSING,
    "Failed to stream bundle https://h/b.raucb: not found: HTTP 404": PASSING,
    "Failed to create tmp dir: Failed to create file: No space left on device": PASSING,
    "Failed to download bundle http://h/b.raucb: Transfer failed: Maximum file size exceeded": PASSING,
    "Remote bundle access not supported, recompile with -Dstreaming=true": PASSING,
    "Invalid bundle format: Failed to open bundle for reading: Error opening file /b: Permission denied": PASSING,
    "Invalid bundle format: Failed to query bundle file info: Input/output error": PASSING,
    "Invalid bundle format: Bundle is not a regular file": PASSING,
    "Invalid bundle format: Failed to read signature size from bundle: "
    "failed to read data from remote server": PASSING,
    "Invalid bundle format: Failed to read signature from bundle: "
    "Error reading from file: Input/output error": PASSING,
    "Invalid bundle format: Bundle size (12) is too small": FINAL,
    "Invalid bundle format: Signature size (70000) exceeds max-bundle-signature-size (65536)": FINAL,
    "Invalid bundle format: Payload size (4097) is not a multiple of 4KiB. See https://h/faq": FINAL,
    "Bundle format 'plain' not supported in streaming mode": FINAL,
    "Bundle format 'plain' not allowed": FINAL,
    "Bundle format 'plain' not allowed for external manifest": FINAL,
    "Encrypted bundle detected, but no decryption key given. Use --key=<PEMFILE|PKCS11-URL> to provide one.": FINAL,
    "Failed to decrypt bundle: failed to load PKCS11 private key for 'pkcs11:token=rauc': no such token": PASSING,
    "Failed to decrypt bundle: failed to load key file '/data/key.pem'": PASSING,
    "Failed to decrypt bundle: Failed to decrypt CMS EnvelopedData: no matching recipient": FINAL,
    "failed to load CA file '/data/ca.pem' and/or directory '(null)'": PASSING,
    "signature verification failed: Verify error:certificate is not yet valid": PASSING,  # OpenSSL 1.1
    "signature verification failed: Verify error: certificate is not yet valid": PASSING,  # OpenSSL 3.0
    "signature verification failed: Verify error: "
    "certificate is not yet valid or the system clock is incorrect": PASSING,  # OpenSSL 3.6
    "signature verification failed: Verify error: certificate has expired or the system clock is incorrect": FINAL,
    "signature verification failed: Verify error: certificate has expired": FINAL,
    "signature verification failed: Verify error: certificate revoked": FINAL,
    "signature verification failed: Verify error: self-signed certificate": FINAL,
    "signature verification failed: Verify error: CRL is not yet valid": PASSING,
    "signature verification failed: Verify error: CRL has expired": PASSING,
    "signature verification failed: Verify error: unable to get certificate CRL": PASSING,
    "Failed to verify X509 cert: certificate is not yet valid": PASSING,
    "Failed to verify X509 cert: CRL has expired": PASSING,
    "Failed to verify X509 cert: unable to get issuer certificate": FINAL,
    "failed to parse signature": FINAL,
    "Expected CMS of type 'pkcs7-signedData' but got 'pkcs7-data'": FINAL,
    "Unsupported number of signers: 2": FINAL,
    "No signature CN matching allowed-signer-cns found": FINAL,
    "Bundle size exceeds maximum size!": FINAL,
    "Bundle payload size 3000000000 exceeds maximum for bundles using plain format (2 GiB)": FINAL,
    "failed to take ownership of bundle: failed to chown bundle to root: Read-only file system": PASSING,
    "unsafe bundle permissions 0666": PASSING,
    "unsafe uid 01000 for mounted device /dev/sda1": PASSING,
    "bundle is stored on an unsafe filesystem": PASSING,
    "bundle is stored on an unknown filesystem (type=65735546)": PASSING,
    "could not ensure exclusive bundle access (F_SETLEASE): Resource temporarily unavailable": PASSING,
    "Failed to load manifest: Invalid key 'foo' in group '[update]'": FINAL,
    "Failed to extract manifest from bundle: Failed to run unsquashfs: Child process exited with code 1": PASSING,
    "Failed to check manifest: Missing digest for image rootfs.img": FINAL,
    "Refusing to install unencrypted crypt bundles": FINAL,
    "Refusing to install plain bundle when using require-manifest-hash": FINAL,
    "Refusing to install bundle with unexpected hash (expected 00, got 11)": FINAL,
    "Failed mounting bundle: Failed to open /dev/loop-control: No such file or directory": PASSING,
    "Failed mounting bundle: Failed to set loop device configuration: Resource temporarily unavailable": PASSING,
    "Failed mounting bundle: failed to resolve 'nbd' netlink family - BLK_DEV_NBD not enabled in kernel?": PASSING,
    "Failed mounting bundle: Failed to load dm table: Invalid argument, "
    " check DM_VERITY, DM_CRYPT or CRYPTO_AES kernel options.": PASSING,
    "Failed mounting bundle: Check read from dm-verity device failed: Input/output error": PASSING,
    "Failed mounting bundle: Unexpected dm-verity check status 'C' (instead of 'V')": PASSING,
    "Failed mounting bundle: squashfs support not enabled in kernel": PASSING,
    "Failed mounting bundle: Failed creating mount point: "
    "Failed creating mount path '/mnt/rauc/bundle': Read-only file system": PASSING,
    "Failed mounting bundle: failed to load manifest from bundle: Input/output error": PASSING,
    "Failed mounting bundle: plain bundles can only contain plain manifests": FINAL,
    "Failed mounting bundle: Payload size (4097) is not a multiple of 4KiB. See https://h/faq": FINAL,
    "Failed mounting bundle: Minimum RAUC version in manifest (1.20) is newer than current version (1.15)": FINAL,
    "Failed mounting bundle: Invalid argument": PASSING,
    "Failed mounting bundle: failed to mount bundle: Invalid argument": PASSING,
    "Failed mounting bundle: Missing salt for verity bundle": FINAL,
    "Failed mounting bundle: Invalid hash for verity bundle": FINAL,
    "Failed mounting bundle: Unaligned size for verity bundle": FINAL,
    "Failed mounting bundle: Unsupported checksum algorithm for image rootfs.img": FINAL,
    "Failed mounting bundle: Hooks used, but no hook 'filename' defined in [hooks] section": FINAL,
    "Failed mounting bundle: Artifacts are not supported in plain bundles": FINAL,
    "Pre-install handler error: Child process exited with code 1": FINAL,
    "Pre-install handler error: Child process killed by signal 15": PASSING,
    "Bundle rejected: Hook returned: 'board revision 1 is not supported'": FINAL,
    "Install-check hook failed: Hook returned with exit code 10: Child process exited with code 10": FINAL,
    "Install-check hook failed: failed to run bundle hook: Child process exited with code 1": FINAL,
    "Install-check hook failed: failed to start bundle hook: "
    "Failed to execute child process “/mnt/rauc/bundle/hook” (Cannot allocate memory)": PASSING,
    "Compatible mismatch: Expected 'a' but bundle manifest has 'b'": FINAL,
    "Version mismatch: Expected at least '2.0' but bundle manifest has '1.9'": FINAL,
    "Version mismatch: Expected at least '2.0' but bundle manifest has no version": FINAL,
    "Failed to parse semantic version B for comparison: Failed to parse core version component "
    "'v1' as uint: “v1” is not an unsigned number": FINAL,
    "Installation error: Child process exited with code 1": FINAL,
    "Installation error: Child process killed by signal 9": PASSING,
    "Installation error: Failed to execute child process “/mnt/rauc/bundle/go.sh” (Permission denied)": PASSING,
    "Installation error: Failed to find matching variant of image for slot class 'rootfs'": FINAL,
    "Installation error: No target slot for class 'appfs' of image 'appfs.ext4' found": FINAL,
    "Installation error: Target slot for class 'rescue' of image 'rescue.img' is readonly": FINAL,
    "Installation error: Unsupported image type 'ubifs' for slot type 'ext4'": FINAL,
    "Installation error: No target repo 'files' for artifact image 'app' found": FINAL,
    "Installation error: No installable image found": FINAL,
    "Installation error: Source image '/mnt/rauc/bundle/rootfs.img' not found in bundle": FINAL,
    "Installation error: Converted source image '/mnt/rauc/bundle/app.extracted' not found in bundle": FINAL,
    "Installation error: Destination device '/dev/mmcblk0p3' for slot 'rootfs.1' not found": PASSING,
    "Installation error: Destination device '/dev/mmcblk0p3' already mounted": PASSING,
    "Installation error: Destination path '/data/files' not found for artifact repo 'files'": PASSING,
    "Installation error: Mounted device '/dev/mmcblk0p3' may only be updated by a custom install hook": PASSING,
    "Installation error: Failed marking slot rootfs.1 non-bootable (bad): "
    "Failed marking slot rootfs.1 as bad:  grub backend: odd": PASSING,
    "Installation error: Failed marking slot rootfs.1 bootable (active/primary): "
    "failed to activate slot rootfs.1: grub backend: odd": PASSING,
    "Installation error: Slot '/dev/mmcblk0p3' still mounted": PASSING,
    "Installation error: Error while writing status file: "
    "Failed to create file “/data/central.raucs.X”: Read-only file system": PASSING,
    "Installation error: Failed updating slot rootfs.1: Slot (1024 bytes) is too small for image (2048 bytes).": FINAL,
    "Installation error: Failed updating slot rootfs.1: "
    "Image size (2048 bytes) is larger than size-limit (1024 bytes).": FINAL,
    "Installation error: Failed updating slot boot.0: Size of image (2048) does not fit to slot size 1024": FINAL,
    "Installation error: Failed updating slot rootfs.1: "
    "failed to run slot hook: Child process exited with code 1": FINAL,
    "Installation error: Failed updating slot rootfs.1: "
    "failed to run tar extract: Child process exited with code 2": PASSING,
    "Installation error: Failed updating slot rootfs.1: Failed to open output file/device /dev/mmcblk0p3 "
    "failed: Device or resource busy": PASSING,
    "Installation error: Image 'trees/app has unsupported format for repo type 'trees'": FINAL,
    "Post-install handler error: Child process exited with code 1": FINAL,
    "Post-install handler error: Child process killed by signal 9": PASSING,
    # not in the table
    "": UNKNOWN,
    "\n": UNKNOWN,
    "rauc info error": UNKNOWN,
    "Error writing to file descriptor: No space left on device": UNKNOWN,
    "Installation error: Renaming artifact from a to b failed: Read-only file system": UNKNOWN,
    "Pre-install handler error": UNKNOWN,
}


@pytest.mark.parametrize("said", SAID)
def test_rauc_s_sentences_are_final_or_passing(said: str) -> None:
    """Each sentence is the bundle's fault or the moment's, and what no row knows is unknown."""
    assert classify(said) is SAID[said]


def test_every_row_decides_something() -> None:
    """No row is hidden behind one that stands before it, and each has a sentence here."""
    used = [deciding_row(said) for said in SAID]
    assert [row.says for row in TABLE if row not in used] == []


def test_rows_use_one_wildcard() -> None:
    """A row is plain words and `*`; nothing else in it means more than itself."""
    assert [row.says for row in TABLE if set("?[]") & set(row.says)] == []
    assert [row.says for row in TABLE if row.says.startswith("*")] == []


HOOK_S_OWN = [
    "Installation error: Bundle rejected: Hook returned: {}",  # 1.8
    "Bundle rejected: Hook returned: '{}'",  # 1.13
    "Installation error: Hook returned: {}",  # 1.8, a bundle with a handler
]


@pytest.mark.parametrize("frame", HOOK_S_OWN)
@given(words=st.sampled_from([*SAID, "No space left on device", "Input/output error"]) | st.text())
def test_a_hook_can_t_talk_its_way_out(frame: str, words: str) -> None:
    """Whatever a hook says when it refuses a bundle, the refusal is final."""
    assert classify(frame.format(words)) is FINAL


def test_a_handler_s_refusal_is_no_more_than_one_of_the_moment_s_troubles_in_another_language() -> None:
    """GLib's words are translated, RAUC's are not: what can't be read is put off, never taken for final."""
    assert classify("Pre-install handler error: Kindprozess wurde mit Status 1 beendet") is PASSING
    assert classify("Installation error: Kindprozess wurde mit Status 1 beendet") is UNKNOWN


def test_what_comes_late_does_not_count() -> None:
    """A sentence is cut before it is looked at: what would be final is not read any more."""
    sentence = "Failed updating slot rootfs.1: {}: Slot (1 bytes) is too small for image (2 bytes)."
    assert classify(sentence.format("x")) is FINAL
    assert classify(sentence.format("x" * LONGEST)) is PASSING


@pytest.mark.timeout(30)
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.says)
def test_a_sentence_made_to_be_slow_is_not(row: Row) -> None:
    """The pieces of a row, over and over without its end, are read once."""
    first, *rest = row.says.split("*")
    piece = "".join(rest)[:-1] or "a"
    classify(first + piece * LONGEST)


def versions(row: Row) -> str:
    """In which versions of RAUC a sentence is found, as the page says it."""
    if row.since:
        return f"{row.since} and later"
    return f"to {row.until}" if row.until else "all"


def test_the_page_is_the_table() -> None:
    """docs/rauc-failures.md has the rows of the table in its order, each with its class and versions."""
    found = re.findall(r"^\| `([^`]*)` \| (final|passing) \| (.*?) \|$", PAGE.read_text(), re.MULTILINE)
    assert found == [(row.says, row.failure.value, versions(row)) for row in TABLE]
