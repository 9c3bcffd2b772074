# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which artifacts are bundles, in which order; what else there is."""

import pytest
from attrs import evolve

from hawkbit_rauc.errors import DeploymentError
from hawkbit_rauc.model import Artifact, Chunk, Deployment, Record
from hawkbit_rauc.rules import bundles
from hawkbit_rauc.rules.bundles import Choice

ARTIFACT = Artifact("v2.raucb", 10, {"sha1": "ab"}, "https://hawkbit.test/v2.raucb")


def deployment(*artifacts: Artifact) -> Deployment:
    return Deployment("7", chunks=tuple(Chunk("os", "os", "1", (artifact,)) for artifact in artifacts))


def named(name: str, url: str | None = "https://x") -> Artifact:
    return Artifact(name, 1, {"sha1": f"hash of {name}"}, url)


@pytest.mark.parametrize(
    ("files", "chosen"),
    [(["a.bin"], "a.bin"), (["a.raucb"], "a.raucb"), (["a.txt", "B.RAUCB"], "B.RAUCB")],
)
def test_the_only_artifact_or_the_only_raucb_is_the_bundle(files, chosen):
    (bundle,) = bundles.choose(deployment(*map(named, files)))
    assert bundle.filename == chosen


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ([], "no artifact"),
        (["a", "b"], r"2 artifacts \(a, b\), 0 of them"),
        (["a.raucb", "b.raucb", "c"], r"3 artifacts \(a.raucb, b.raucb, c\), 2 of them"),
    ],
)
def test_a_doubtful_bundle_is_a_failure_that_names_the_files(files, why):
    with pytest.raises(DeploymentError, match=why):
        bundles.choose(deployment(*map(named, files)))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"size": 0}, "v2.raucb is empty"),
        ({"hashes": {}}, "no usable hash of v2.raucb"),
        ({"url": None}, "no usable download link for v2.raucb"),
    ],
)
def test_a_bundle_that_can_never_be_verified_is_refused(change, why):
    with pytest.raises(DeploymentError, match=why):
        bundles.choose(deployment(evolve(ARTIFACT, **change)))


def test_of_an_encrypted_bundle_only_raucs_signature_can_tell():
    assert bundles.choose(deployment(evolve(ARTIFACT, hashes={}, encrypted=True)))


#: A deployment for a machine with two boards.
MACHINE = Deployment(
    "7",
    chunks=(
        Chunk("os", "panel", "1", (named("panel-7.RAUCB"), named("panel-7.sig"))),
        Chunk("os", "drive", "1", (named("drive-7.raucb"),)),
        Chunk("bApp", "manual", "1", (named("manual.pdf"),)),
    ),
)


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        (Choice(patterns=("panel-*.raucb",)), "panel-7.RAUCB"),
        (Choice(patterns=("drive-?.raucb",)), "drive-7.raucb"),
        (Choice(part="bApp"), "manual.pdf"),
        (Choice("os", ("*.sig",)), "panel-7.sig"),
    ],
)
def test_the_configuration_says_which_artifact_is_the_bundle(choice, chosen):
    (bundle,) = bundles.choose(MACHINE, choice)
    assert bundle.filename == chosen


def test_all_artifacts_but_the_bundle_are_for_others():
    chosen = bundles.choose(MACHINE, Choice(patterns=("drive-*",)))
    assert [item.filename for item in bundles.others(MACHINE, chosen)] == [
        "panel-7.RAUCB",
        "panel-7.sig",
        "manual.pdf",
    ]


@pytest.mark.parametrize(
    ("choice", "why"),
    [
        (Choice("firmware"), r'assign a software module of type "firmware" \(bundle_part\) that'),
        (
            Choice("os"),
            r"3 artifacts \(panel-7.RAUCB, panel-7.sig, drive-7.raucb\), 2 of them named \*\.raucb",
        ),
        (Choice("bApp", ("*.raucb",)), r"1 artifacts \(manual.pdf\), 0 of them named \*\.raucb"),
    ],
)
def test_a_choice_that_leaves_none_or_several_is_a_failure_with_the_remedy(choice, why):
    with pytest.raises(DeploymentError, match=why):
        bundles.choose(MACHINE, choice)


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        (("drive-*", "panel-*.raucb"), ["drive-7.raucb", "panel-7.RAUCB"]),
        (("panel-*.raucb", "drive-*"), ["panel-7.RAUCB", "drive-7.raucb"]),
        (("boot-*.raucb", "drive-*"), ["drive-7.raucb"]),
        (("drive-*", "*.raucb"), ["drive-7.raucb", "panel-7.RAUCB"]),
    ],
)
def test_several_bundles_come_in_the_order_of_their_names_in_the_configuration(patterns, chosen):
    """A name that the deployment lacks is left out; what one name has taken is not the next one's."""
    assert [bundle.filename for bundle in bundles.choose(MACHINE, Choice(patterns=patterns))] == chosen


@pytest.mark.parametrize(
    ("patterns", "why"),
    [
        (("boot-*", "*.raucb"), r"2 of them named \*\.raucb; .* exactly one RAUC bundle for each name"),
        (("boot-*", "shelf-*"), r"0 of them named boot-\* or shelf-\*"),
    ],
)
def test_a_name_with_two_bundles_and_names_with_none_are_failures(patterns, why):
    with pytest.raises(DeploymentError, match=why):
        bundles.choose(MACHINE, Choice(patterns=patterns))


def test_a_bundle_without_a_link_is_a_failure():
    with pytest.raises(DeploymentError, match=r"no usable download link for a\.raucb"):
        bundles.choose(deployment(named("a.raucb", None)))


def test_content_is_known_by_hash_else_name_and_size():
    assert bundles.fingerprint(ARTIFACT) == "ab"
    assert bundles.fingerprint(Artifact("a", 1, {"md5": "CD", "sha256": "EF"}, None)) == "ef"
    assert bundles.fingerprint(Artifact("a.raucb", 1, {}, None)) == "a.raucb:1"


@pytest.mark.parametrize(
    ("bundle", "more", "success", "said"),
    [
        (0, False, True, ()),
        (1, False, True, ("this was bundle 2 of the action, the last one",)),
        (0, True, False, ("this was bundle 1 of the action; those after it are left out",)),
        (2, False, False, ("this was bundle 3 of the action; those before it stay installed",)),
    ],
)
def test_an_end_says_what_it_means_for_the_other_bundles(bundle, more, success, said):
    assert bundles.among_several(Record("7", bundle=bundle, more=more), success=success) == said


@pytest.mark.parametrize(
    ("number", "name"), [(-7, "drive-7.raucb"), (1, "panel-7.RAUCB"), (9, "panel-7.RAUCB")]
)
def test_a_strange_number_in_the_journal_means_the_nearest_bundle(number, name):
    choice = Choice(patterns=("drive-*", "panel-*.raucb"))
    assert bundles.current(Record("7", bundle=number), MACHINE, choice).filename == name
    assert bundles.following(Record("7", bundle=number), MACHINE, choice).artifact == "hash of panel-7.raucb"
