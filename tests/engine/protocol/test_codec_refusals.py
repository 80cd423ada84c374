"""What is no message becomes one sentence, never another exception."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.protocol import codec
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.messages import Call, GetJob
from tests.engine.protocol.message_samples import DIFFUSION_REQUEST, REQUEST, SUBMIT


def require_malformed(decode, data):
    with pytest.raises(UserError) as caught:
        decode(data)
    assert caught.value.report.code is ErrorCode.MESSAGE_MALFORMED
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        ('"solver":"unipc"', '"solver":"heun"'),
        ('"steps":12', '"steps":"many"'),
        ('"bundle":"fantasy-14b",', ""),
        ('"model_frame_rate":"24000/1001"', '"model_frame_rate":"1/0"'),
        ('"flow_shift":3.5', '"flow_shift":NaN'),
    ],
)
def test_diffusion_settings_that_are_none_are_refused(there, instead):
    text = codec.encode_request(DIFFUSION_REQUEST)
    assert there in text
    require_malformed(codec.decode_request, text.replace(there, instead))


@pytest.mark.parametrize(
    "data", [b"", b"MQP1", b"MQP1\0\0\0\1\x05abc", b"XXXX\0\0\0\1\x01aJPEG", b"MQP1\0\0\0\1\x01a"]
)
def test_what_is_no_preview_is_refused(data):
    require_malformed(codec.decode_preview, data)


@pytest.mark.parametrize("rate", ["1/0", "x", "", "1e9", "9" * 30, "1/2/3", 5, None, ["1"], " 1", "١"])
def test_what_is_no_fraction_is_refused(rate):
    text = codec.encode_request(REQUEST).replace(
        '"frame_rate":"24000/1001"', f'"frame_rate":{codec.msgspec.json.encode(rate).decode()}'
    )
    require_malformed(codec.decode_request, text)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_rubbish_is_one_sentence_and_never_another_exception(rubbish):
    for decode in (codec.decode_call, codec.decode_server_message, codec.decode_request, codec.decode_result):
        require_malformed(decode, rubbish)


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_damaged_message_never_raises_anything_else(place, value):
    data = bytearray(codec.encode_call(Call(call_id=1, command=SUBMIT)))
    data[place % len(data)] = value
    try:
        codec.decode_call(bytes(data))
    except codec.MalformedCall as error:
        assert error.report.message


def test_a_call_beyond_the_limit_is_refused_before_it_is_sent():
    with pytest.raises(UserError) as caught:
        codec.encode_call(Call(call_id=1, command=GetJob(job_id="x" * codec.MAX_CALL_BYTES)))
    assert caught.value.report.code is ErrorCode.MESSAGE_TOO_LARGE


def test_a_file_name_that_is_not_text_is_told():
    with pytest.raises(UserError) as caught:
        codec.encode_request(replace(REQUEST, project_path=Path("/x/\udcff.png")))
    assert "file name" in caught.value.report.message
