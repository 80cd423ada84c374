"""Licences once each, and notes on what is not as published."""

from engine.bundles.catalogue import known_bundles
from engine.bundles.installed_bundle import BundlePart, PartFile, PartName
from engine.bundles.provenance import licences_of, notes_on

KNOWN = known_bundles()[0]


def part(name, path="a", sha256="0" * 64):
    file = PartFile(path=path, size_bytes=1, modified_ns=1, sha256=sha256)
    return {name: BundlePart(name=name, layout="x", files=(file,))}


def test_a_licence_is_told_once_with_the_projects_it_covers():
    parts = part(PartName.TRANSFORMER) | part(PartName.EXPRESSION_ADAPTER) | part(PartName.EXPRESSION_ENCODER)
    assert licences_of(KNOWN, parts) == ("Apache-2.0 (Wan-AI/Wan2.1-I2V-14B-720P, acvlab/FantasyPortrait)",)


def test_a_file_that_is_not_the_published_one_is_noted_wherever_it_lies():
    published = next(file for file in KNOWN.published_files if file.file == "pd_fpg.pth")
    same = part(PartName.EXPRESSION_ENCODER, "deeper/pd_fpg.pth", published.sha256)
    other = part(PartName.EXPRESSION_ENCODER, "deeper/pd_fpg.pth")
    assert not any("pd_fpg.pth" in note for note in notes_on(KNOWN, same))
    assert any("pd_fpg.pth is not the published file" in note for note in notes_on(KNOWN, other))


def test_what_masque_does_without_an_optional_part_is_noted_only_when_it_is_missing():
    assert "without the face detector faces are found by the detector that comes with Masque" in notes_on(
        KNOWN, {}
    )
    assert not any("face detector" in note for note in notes_on(KNOWN, part(PartName.FACE_DETECTOR)))
