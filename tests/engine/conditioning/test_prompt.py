"""Prompts against the published way (512 padded tokens), on a tiny UMT5 and a tokenizer made here."""

import logging

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, WanImageToVideoPipeline
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

from engine.conditioning.prompt import encode_prompt, prompt_key, prompt_token_count
from engine.networks.encoders import TextEncoder
from engine.planning.prompt_text import clean_prompt
from engine.protocol.errors import UserError

PROCESSOR = torch.device("cpu")
WORDS = ("a", "woman", "is", "talking", "&", "smiling")


@pytest.fixture(scope="module")
def tokenizer():
    vocabulary = {word: index for index, word in enumerate(("<pad>", "</s>", "<unk>", *WORDS))}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=512
    )


@pytest.fixture
def encoder(tokenizer):
    torch.manual_seed(6)
    config = UMT5Config(
        vocab_size=9, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, initializer_factor=2.0
    )
    return TextEncoder(model=UMT5EncoderModel(config).eval().requires_grad_(False), tokenizer=tokenizer)


@pytest.mark.parametrize(
    "text", ["A woman is talking.", "a woman is talking &amp;amp; smiling", "", "a\n\t woman  " * 40]
)
def test_a_prompt_equals_diffusers_own(encoder, text):
    encoder.model.double()
    pipeline = WanImageToVideoPipeline(
        tokenizer=encoder.tokenizer, text_encoder=encoder.model, vae=None,
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )  # fmt: skip
    expected = pipeline.encode_prompt(
        text, do_classifier_free_guidance=False, max_sequence_length=512, device=PROCESSOR
    )[0][0].float()
    encoded = encode_prompt(encoder, text, PROCESSOR)
    assert encoded.shape == (512, 32)
    assert encoded.dtype == torch.float32
    assert (encoded - expected).abs().max() <= 1e-6


def test_positions_behind_the_prompt_are_zero(encoder):
    encoded = encode_prompt(encoder, "a woman", PROCESSOR)
    assert encoded[:3].abs().amin(dim=1).max() > 0
    assert torch.count_nonzero(encoded[3:]) == 0


def test_an_empty_prompt_is_its_end_token(encoder):
    encoded = encode_prompt(encoder, "  \n ", PROCESSOR)
    assert prompt_token_count(encoder, "  \n ") == 1
    assert torch.count_nonzero(encoded[0]) > 0
    assert torch.count_nonzero(encoded[1:]) == 0


def test_a_tokenizer_without_end_token_makes_an_empty_prompt_nothing(encoder):
    bare = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    without_end = PreTrainedTokenizerFast(tokenizer_object=bare, unk_token="<unk>")
    encoded = encode_prompt(TextEncoder(model=encoder.model, tokenizer=without_end), "", PROCESSOR)
    assert torch.count_nonzero(encoded) == 0


def test_a_long_prompt_is_cut_and_the_count_says_so(encoder, caplog):
    text = "woman " * 700
    with caplog.at_level(logging.WARNING):
        assert prompt_token_count(encoder, text) == 701
    assert caplog.records == []
    encoded = encode_prompt(encoder, text, PROCESSOR)
    assert torch.equal(encoded, encode_prompt(encoder, "woman " * 511, PROCESSOR))
    assert torch.count_nonzero(encoded[511]) > 0


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  A\twoman\n\nis   talking ", "A woman is talking"),
        ("caf\u00c3\u00a9", "café"),
        ("R&amp;amp;B", "R&B"),
        ("&lt;b&gt;", "<b>"),
        ("a\u00a0woman\u3000is", "a woman is"),
        ("女人在说话", "女人在说话"),
        ("a\x00b", "ab"),
    ],
)
def test_cleaning_mends_characters_entities_and_white_space(text, cleaned):
    assert clean_prompt(text) == cleaned


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(), max_size=40))
def test_any_text_is_cleaned_to_single_spaces(text):
    cleaned = clean_prompt(text)
    assert cleaned == " ".join(cleaned.split())


def test_any_text_can_be_encoded(encoder):
    for text in ("\ud800 broken", "\x00\x1b[31m", "𝕬 \u202e", "&#0;&#xD800;", "</s> <pad>"):
        assert encode_prompt(encoder, text, PROCESSOR).isfinite().all()


def test_an_encoder_with_broken_weights_ends_the_render_with_a_sentence(encoder):
    encoder.model.shared.weight[:] = torch.nan
    with pytest.raises(UserError, match="The text encoder of the bundle gave values that are not numbers"):
        encode_prompt(encoder, "a woman", PROCESSOR)


def test_prompts_that_are_cleaned_to_the_same_words_share_a_key():
    key = prompt_key("a woman", weights="w", precision="float32")
    assert key == prompt_key(" a \n woman", weights="w", precision="float32")
    assert key != prompt_key("A woman", weights="w", precision="float32")
    assert key != prompt_key("a woman", weights="v", precision="float32")
