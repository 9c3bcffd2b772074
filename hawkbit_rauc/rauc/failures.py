# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether a failed installation is the bundle's fault or the moment's, by what RAUC says of it. Pure.

RAUC has no codes for its errors; only its sentence tells them apart. RAUC puts it together from the outside
in: first what it was about to do, then what went wrong there, then what a hook, OpenSSL or libc says. So it is
read from its first letter on, and the first row of the table that fits decides. A hook that says "No space left
on device" says so after "Bundle rejected: ", and that row has decided before the hook's words are reached.

The sentences are those of RAUC 1.8 to 1.16-dev. RAUC never translates its own words, but libc and GLib translate
theirs ("Child process exited with code 1") where rauc.service has a locale. A sentence that fits no row because
of that is put off, as every unknown one is.
"""

from __future__ import annotations

import re
from enum import Enum
from fnmatch import fnmatchcase

from attrs import frozen

#: Characters of a sentence that are looked at. All that decides stands before the words of others.
LONGEST = 1000

#: RAUC puts this before whatever goes wrong between the bundle's mounting and the post-install handler.
_WHILE_INSTALLING = "Installation error: "


class Failure(Enum):
    """Whose fault a failed installation is.

    Attributes:
        FINAL: the bundle's, or that of who made it for another board; another attempt would end alike.
        PASSING: the moment's or the board's; another attempt may end well.
        UNKNOWN: nobody knows; to be treated as passing, which costs attempts but loses no update.
    """

    FINAL = "final"
    PASSING = "passing"
    UNKNOWN = "unknown"


@frozen
class Row:
    """A sentence of RAUC's.

    Attributes:
        says: the whole sentence, without "Installation error: "; `*` stands for any words.
        failure: whose fault that is.
        since: the first version of RAUC that says so, empty for 1.8.
        until: the last one, empty if today's does.
    """

    says: str
    failure: Failure
    since: str = ""
    until: str = ""


def _final(says: str, *, since: str = "", until: str = "") -> Row:
    return Row(says, Failure.FINAL, since, until)


def _passing(says: str, *, since: str = "", until: str = "") -> Row:
    return Row(says, Failure.PASSING, since, until)


#: In the order in which an installation comes to them; the exception stands before its rule.
TABLE = (
    # Where the board runs from: install.c, determine_slot_states, update_external_mount_points
    _passing("No slot configuration found", until="1.9"),
    _passing("Bootname or device of booted slot not found", until="1.9"),
    _passing("Did not find booted slot *", until="1.9"),
    _passing("Error getting loop backing_file for *"),
    # Getting at the bundle: bundle.c, check_bundle
    _passing("No keyring file or directory provided"),
    _passing("Failed to stream bundle *"),
    _passing("Failed to create tmp dir: *"),
    _passing("Failed to download bundle *"),  # built without streaming, as Debian's 1.8
    _passing("Remote bundle access not supported*", since="1.13"),
    # Its outer form: bundle.c, open_local_bundle, open_remote_bundle
    _passing("Invalid bundle format: Failed to open bundle for reading: *"),
    _passing("Invalid bundle format: Failed to query bundle file info: *"),
    _passing("Invalid bundle format: Bundle is not a regular file"),
    _passing("Invalid bundle format: Failed to read *"),  # from the disk, or from a stream that broke off
    _final("Invalid bundle format: *"),
    _final("Bundle format '*' not *"),
    # Its encryption: bundle.c, check_bundle; signature.c, cms_decrypt. With a small letter it is the board's key.
    _final("Encrypted bundle detected, but no decryption key given*"),
    _passing("Failed to decrypt bundle: failed to *"),
    _final("Failed to decrypt bundle: *"),
    # Its signature: signature.c, setup_x509_store, cms_verify_fd, cms_verify_bytes, cms_get_cert_chain.
    # OpenSSL 3.6 adds "or the system clock is incorrect". Revocation lists are the board's, not the bundle's.
    _passing("failed to load CA file *"),
    _passing("signature verification failed: Verify error:*certificate is not yet valid*"),
    _passing("signature verification failed: Verify error:*CRL*"),
    _final("signature verification failed: *"),
    _passing("Failed to verify X509 cert: *certificate is not yet valid*"),
    _passing("Failed to verify X509 cert: *CRL*"),
    _final("Failed to verify X509 cert: *"),
    _final("failed to parse signature"),
    _final("Expected CMS of type *", since="1.16"),
    _final("Unsupported number of signers: *"),
    _final("No signature CN matching allowed-signer-cns found", since="1.15"),
    _final("Bundle size exceeds maximum size!"),
    _final("Bundle payload size * exceeds maximum for bundles using plain format *", since="1.15.2"),
    # Who else could change the file: bundle.c, check_bundle_access, enforce_bundle_exclusive
    _passing("failed to take ownership of bundle: *"),
    _passing("unsafe *"),
    _passing("bundle is stored on an *"),
    _passing("could not ensure exclusive bundle access *"),
    # Its manifest: bundle.c, check_bundle, load_manifest_from_bundle; install.c, do_install_bundle
    _final("Failed to load manifest: *"),
    _passing("Failed to extract manifest from bundle: *"),
    _final("Failed to check manifest: *"),
    _final("Refusing to install *"),
    # Mounting it: bundle.c, mount_bundle; dm.c, r_dm_setup; manifest.c, check_manifest_common and others.
    # A bundle that dm-verity finds broken can't be told from a disk or a stream that fails.
    _final("Failed mounting bundle: Payload size *", since="1.15"),
    _final("Failed mounting bundle: Minimum RAUC version *", since="1.14"),
    _final("Failed mounting bundle: plain bundles can only contain plain manifests"),
    _final("Failed mounting bundle: Missing * for *"),
    _final("Failed mounting bundle: Invalid * for *"),  # "Invalid argument" alone is mount's, since 1.14
    _final("Failed mounting bundle: Unaligned size for *"),
    _final("Failed mounting bundle: Unsupported *"),
    _final("Failed mounting bundle: Hooks used, but no hook 'filename' defined *"),
    _final("Failed mounting bundle: * not supported in plain bundles", since="1.13"),
    _passing("Failed mounting bundle: *"),
    # The board's own handler: install.c, launch_and_wait_handler
    _final("Pre-install handler error: Child process exited with code *"),
    _passing("Pre-install handler error: *"),
    # The bundle's install-check hook: install.c, run_bundle_hook. The words of the hook come after this.
    _final("Bundle rejected: *"),
    _final("Install-check hook failed: Hook returned with exit code *"),
    _final("Install-check hook failed: failed to run bundle hook: Child process exited with code *"),
    _passing("Install-check hook failed: *"),
    _final("Hook returned*", until="1.10"),  # of a bundle that has a handler, too
    _final("failed to run bundle hook: Child process exited with code *", until="1.10"),
    # Whom it is for: install.c, verify_compatible, check_version_limits
    _final("Compatible mismatch: *"),
    _final("Version mismatch: *", since="1.12"),
    _final("Failed to parse semantic version B for comparison: *", since="1.12"),  # A is the board's
    # Its full custom handler: install.c, launch_and_wait_custom_handler
    _final("Child process exited with code *"),
    _passing("Child process killed by signal *"),
    _passing("Failed to execute child process *"),
    # Its images and the slots: install.c, get_install_images, r_install_make_plans, pre_install_checks
    _final("Failed to find matching variant of image for *"),
    _final("No target slot for class *"),
    _final("Target slot for class * is readonly"),
    _final("Unsupported image *"),
    _final("No target repo * for artifact image * found", since="1.13"),
    _final("No install* image found"),
    _final("Source image * not found*"),
    _final("Converted source image * not found*", since="1.13"),
    _passing("Destination device *"),  # not found, or mounted
    _passing("Destination path * not found for artifact repo *", since="1.13"),
    _passing("Mounted device * may only be updated by a custom install hook"),
    # The boot loader and the stored status: install.c, handle_slot_install_plan, launch_and_wait_default_handler
    _passing("Failed marking slot *"),
    _passing("Slot * still mounted"),
    _passing("Error while writing status file: *"),
    _passing("Marked slot * bootable, but failed to write status file: *", until="1.9"),
    _passing("Unexpected error while trying to mark slot *", until="1.9"),
    # Writing: update_handler.c, check_image_size, run_slot_hook_extra_env; artifacts.c, r_artifact_install
    _final("Failed updating slot *: Slot (* bytes) is too small for image *", since="1.9"),
    _final("Failed updating slot *: Image size (* bytes) is larger than size-limit *", since="1.15"),
    _final("Failed updating slot *: Size of image * does not fit to slot size *"),
    _final("Failed updating slot *: failed to run slot hook: Child process exited with code *"),
    _passing("Failed updating slot *"),
    _final("Image * has unsupported format for repo type *", since="1.14"),
    # After the switch to the new slot: install.c, do_install_bundle
    _final("Post-install handler error: Child process exited with code *"),
    _passing("Post-install handler error: *"),
)


def deciding_row(text: str) -> Row | None:
    """Find the row of the table that decides; None if RAUC says what no row knows.

    Args:
        text: what RAUC said, as it came: `LastError`, or the error of a call.
    """
    # fnmatch never goes back behind a piece that it has found, so that this takes no longer than reading.
    said = text[:LONGEST].removeprefix(_WHILE_INSTALLING)
    return next((row for row in TABLE if fnmatchcase(said, row.says)), None)


#: The quotes are RAUC 1.9's and later.
_NO_SLOT = re.compile(r"(?:Installation error: )?No target slot for class '?([^' ]+)'? of image ")


def slotless(text: str) -> str | None:
    """Return the class of slots that RAUC has none to write of, None if it failed by something else.

    Args:
        text: what RAUC said, as it came.
    """
    match = _NO_SLOT.match(text[:LONGEST])
    return match[1] if match else None


def classify(text: str) -> Failure:
    """Say whose fault a failure is.

    Args:
        text: what RAUC said, as it came.
    """
    row = deciding_row(text)
    return Failure.UNKNOWN if row is None else row.failure
