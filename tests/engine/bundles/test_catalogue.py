"""The catalogue's types, and that faults in it are faults of Masque, never silent."""

import dataclasses
from fractions import Fraction

import pytest

from engine.bundles.availability import capabilities_of, unavailable
from engine.bundles.catalogue import known_bundles, read_catalogue
from engine.bundles.installed_bundle import Capability, PartName

REQUIRED = {
    PartName.TRANSFORMER,
    PartName.TEXT_ENCODER,
    PartName.TOKENIZER,
    PartName.IMAGE_ENCODER,
    PartName.VAE,
}
SMALL = """
format = 1
[[bundles]]
name = "small"
title = "Small"
[bundles.dimensions]
width = 8
[[bundles.capabilities]]
name = "voice_driven"
needs = ["voice_adapter"]
frame_rate = "24000/1001"
[[bundles.parts]]
name = "voice_adapter"
title = "the voice adapter"
required = false
"""


def test_the_published_bundle_needs_five_parts_and_one_pair_for_each_way_to_drive():
    bundle = known_bundles()[0]
    assert {part.name for part in bundle.parts if part.required} == REQUIRED
    assert bundle.capability(Capability.CLIP_DRIVEN).needs == (
        PartName.EXPRESSION_ADAPTER,
        PartName.EXPRESSION_ENCODER,
    )
    assert bundle.capability(Capability.VOICE_DRIVEN).needs == (
        PartName.VOICE_ADAPTER,
        PartName.SPEECH_ENCODER,
    )


def test_the_voice_weights_expect_23_frames_a_second_and_a_clip_sets_its_own_rate():
    bundle = known_bundles()[0]
    assert bundle.capability(Capability.VOICE_DRIVEN).frame_rate == Fraction(23)
    assert bundle.capability(Capability.CLIP_DRIVEN).frame_rate is None
    assert bundle.capability(Capability.CLIP_DRIVEN).published_frame_rate == Fraction(25)


def test_every_part_of_the_catalogue_is_described():
    for bundle in known_bundles():
        assert {part.name for part in bundle.parts} == set(PartName)
        for part in bundle.parts:
            assert bundle.part(part.name) is part
            assert part.heading[0].isupper()
            assert bool(part.layouts) == bool(part.wanted) == bool(part.licence) == bool(part.source)


def test_capabilities_come_only_with_all_their_parts():
    bundle = known_bundles()[0]
    assert capabilities_of(bundle, REQUIRED) == frozenset()
    one_of_two = REQUIRED | {PartName.VOICE_ADAPTER}
    assert capabilities_of(bundle, one_of_two) == frozenset()
    both = one_of_two | {PartName.SPEECH_ENCODER}
    assert capabilities_of(bundle, both) == {Capability.VOICE_DRIVEN}


def test_what_is_unavailable_says_which_file_is_missing_or_that_none_is_published():
    bundle = known_bundles()[0]
    reasons = {each.capability: each.reason for each in unavailable(bundle, REQUIRED)}
    assert "fantasyportrait_model.ckpt" in reasons[Capability.CLIP_DRIVEN]
    assert "pd_fpg.pth" in reasons[Capability.CLIP_DRIVEN]
    assert "no weights of the identity module are published" in reasons[Capability.IDENTITY]
    assert "published" in reasons[Capability.MOTION_INTENSITY]


def test_a_catalogue_is_read_into_frozen_types():
    (bundle,) = read_catalogue(SMALL)
    assert bundle.capability(Capability.VOICE_DRIVEN).frame_rate == Fraction(24000, 1001)
    assert bundle.part(PartName.VOICE_ADAPTER).layouts == ()
    with pytest.raises(dataclasses.FrozenInstanceError):
        bundle.name = "other"
    with pytest.raises(TypeError):
        bundle.dimensions["width"] = 9


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("format = 1", "format = 2", ValueError),
        ('"voice_driven"', '"song_driven"', ValueError),
        ('name = "voice_adapter"', 'name = "voise_adapter"', ValueError),
        ("required = false", "required = false\nsurprise = 1", TypeError),
        ("required = false", "", TypeError),
        ('title = "Small"', "", KeyError),
    ],
)
def test_a_faulty_catalogue_is_never_read_half(before, after, fault):
    with pytest.raises(fault):
        read_catalogue(SMALL.replace(before, after))


def test_a_part_that_a_bundle_lacks_is_a_key_error():
    (bundle,) = read_catalogue(SMALL)
    with pytest.raises(KeyError):
        bundle.part(PartName.VAE)
    with pytest.raises(KeyError):
        bundle.capability(Capability.CLIP_DRIVEN)
