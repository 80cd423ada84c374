"""Messages as bytes: JSON text for calls, replies, events and worker lines, binary for previews.

Every message of a union travels as `{"type": <class>, "body": {...}}`. Fractions are text ("24000/1001"),
paths are text. What cannot be understood raises `UserError(MESSAGE_MALFORMED)` with one sentence.
"""

import re
import struct
from collections.abc import Hashable, Iterable
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, cast, get_args

import msgspec

from engine.protocol.diffusion_record import DiffusionRecord
from engine.protocol.errors import ErrorCode, ErrorReport, UserError
from engine.protocol.jobs import RenderResult
from engine.protocol.messages import (
    Answer,
    Call,
    Command,
    Event,
    PreviewPicture,
    Reply,
    WorkerOrder,
    WorkerReport,
)
from engine.protocol.render_request import RenderRequest

MAX_CALL_BYTES = 8 * 1024 * 1024
MAX_REPLY_BYTES = 64 * 1024 * 1024
NO_CALL = 0

_FRACTION = re.compile(r"-?\d{1,18}(/\d{1,18})?", re.ASCII)
_PREVIEW_MAGIC = b"MQP1"
_PREVIEW_HEAD = struct.Struct("!4sIB")
_T = TypeVar("_T")


class MalformedCall(UserError):  # noqa: N818 - a UserError that knows which call to answer
    """A call that cannot be understood; `call_id` is the one to answer, NO_CALL where it has none."""

    def __init__(self, cause: UserError, call_id: int) -> None:
        report = cause.report
        super().__init__(report.message, next_step=report.next_step, code=report.code, details=report.details)
        self.call_id = call_id


class _Envelope(msgspec.Struct, omit_defaults=True):
    type: str = ""
    body: msgspec.Raw = msgspec.Raw(b"{}")
    call_id: int | None = None
    error: ErrorReport | None = None


def encode_call(call: Call) -> bytes:
    """Return a call as bytes. Raises UserError(MESSAGE_TOO_LARGE) beyond MAX_CALL_BYTES."""
    return _bounded(_envelope(call.command, call.call_id), MAX_CALL_BYTES)


def decode_call(data: bytes | str) -> Call:
    """Return the call in `data`. Raises MalformedCall."""
    call_id = NO_CALL
    try:
        envelope = _decode(_Envelope, data)
        call_id = NO_CALL if envelope.call_id is None else envelope.call_id
        if envelope.call_id is None:
            raise _malformed("it has no call number")
        command = _open_envelope(envelope, Command)
    except UserError as error:
        raise MalformedCall(error, call_id) from error
    return Call(call_id=call_id, command=cast(Command, command))


def encode_reply(reply: Reply) -> bytes:
    """Return a reply as bytes. Raises UserError(MESSAGE_TOO_LARGE) beyond MAX_REPLY_BYTES."""
    if reply.error is not None:
        return _encode(_Envelope(call_id=reply.call_id, error=reply.error))
    return _bounded(_envelope(reply.answer, reply.call_id), MAX_REPLY_BYTES)


def encode_event(event: Event) -> bytes:
    """Return an event as bytes."""
    return _envelope(event)


def decode_server_message(data: bytes | str) -> Reply | Event:
    """Return what the server sent as text: a reply (it carries a call number) or an event."""
    envelope = _decode(_Envelope, data)
    if envelope.call_id is None:
        return cast(Event, _open_envelope(envelope, Event))
    if envelope.error is not None:
        return Reply(call_id=envelope.call_id, error=envelope.error)
    return Reply(call_id=envelope.call_id, answer=cast(Answer, _open_envelope(envelope, Answer)))


def encode_preview(picture: PreviewPicture) -> bytes:
    """Return a preview as a binary frame: magic, frame number, length of the job id, job id, JPEG."""
    job_id = picture.job_id.encode()
    return _PREVIEW_HEAD.pack(_PREVIEW_MAGIC, picture.frame, len(job_id)) + job_id + picture.jpeg


def decode_preview(data: bytes) -> PreviewPicture:
    """Return the preview in a binary frame."""
    if len(data) < _PREVIEW_HEAD.size:
        raise _malformed("the preview is too short")
    magic, frame, id_length = _PREVIEW_HEAD.unpack_from(data)
    end = _PREVIEW_HEAD.size + id_length
    if magic != _PREVIEW_MAGIC or len(data) <= end:
        raise _malformed("it is not a preview")
    job_id = data[_PREVIEW_HEAD.size : end].decode("utf-8", errors="replace")
    return PreviewPicture(job_id=job_id, frame=frame, jpeg=data[end:])


def encode_order(order: WorkerOrder) -> bytes:
    """Return an order to the worker as one line."""
    return _envelope(order) + b"\n"


def decode_order(line: bytes) -> WorkerOrder:
    """Return the order in one line."""
    return cast(WorkerOrder, _open_envelope(_decode(_Envelope, line), WorkerOrder))


def encode_report(report: WorkerReport) -> bytes:
    """Return a worker's report as one line."""
    return _envelope(report) + b"\n"


def decode_report(line: bytes) -> WorkerReport:
    """Return the worker's report in one line."""
    return cast(WorkerReport, _open_envelope(_decode(_Envelope, line), WorkerReport))


def encode_request(request: RenderRequest) -> str:
    """Return a render request as JSON text, the same text for the same request."""
    return _encode(request).decode()


def decode_request(text: str | bytes) -> RenderRequest:
    """Return the render request in JSON text."""
    return _decode(RenderRequest, text)


def encode_result(result: RenderResult) -> str:
    """Return a render result as JSON text."""
    return _encode(result).decode()


def decode_result(text: str | bytes) -> RenderResult:
    """Return the render result in JSON text."""
    return _decode(RenderResult, text)


def encode_diffusion_record(record: DiffusionRecord) -> str:
    """Return what a take remembers of the transformer as JSON text."""
    return _encode(record).decode()


def decode_diffusion_record(text: str | bytes) -> DiffusionRecord:
    """Return what `encode_diffusion_record` wrote."""
    return _decode(DiffusionRecord, text)


def encode_error(error: ErrorReport) -> str:
    """Return an error report as JSON text."""
    return _encode(error).decode()


def decode_error(text: str | bytes) -> ErrorReport:
    """Return the error report in JSON text."""
    return _decode(ErrorReport, text)


def _envelope(message: object, call_id: int | None = None) -> bytes:
    body = msgspec.Raw(_encode(message))
    return _encode(_Envelope(type=type(message).__name__, body=body, call_id=call_id))


def _open_envelope(envelope: _Envelope, union: UnionType) -> object:
    found = _by_name(union).get(envelope.type)
    if found is None:
        raise _malformed(f"“{envelope.type[:40]}” is not known")
    return _decode(found, bytes(envelope.body))


@lru_cache
def _by_name(union: UnionType) -> dict[str, type[Any]]:
    members: Iterable[type[Any]] = get_args(union)
    return {member.__name__: member for member in members}


@lru_cache
def _decoder(wanted: type[Any]) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(wanted, dec_hook=_from_text)


def _encode(value: object) -> bytes:
    try:
        return msgspec.json.encode(value, enc_hook=_to_text)
    except UnicodeEncodeError as error:
        raise UserError(
            "A file name holds bytes that are not text, so it cannot be passed on.",
            next_step="Rename the file or folder with ordinary letters.",
        ) from error


def _decode(wanted: type[_T], data: bytes | str) -> _T:
    try:
        return cast(_T, _decoder(cast(Hashable, wanted)).decode(data))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(str(error).splitlines()[0] if str(error) else type(error).__name__) from error


def _bounded(data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise UserError(
            f"The message of {len(data):,} bytes is larger than the {limit:,} that are allowed.",
            next_step="Split it up: fewer keys in a curve or region, or fewer jobs at once.",
            code=ErrorCode.MESSAGE_TOO_LARGE,
        )
    return data


def _malformed(reason: str) -> UserError:
    return UserError(
        f"A message could not be understood: {reason[:300]}.",
        next_step="Check that all parts of Masque have the same version.",
        code=ErrorCode.MESSAGE_MALFORMED,
    )


def _to_text(value: object) -> str:
    if isinstance(value, Fraction | Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} does not travel in messages")


def _from_text(wanted: type, value: object) -> object:
    """Rebuild what JSON has no word for. Numbers are bounded: a million digits would stall the reader."""
    if not isinstance(value, str):
        raise ValueError(f"text expected for {wanted.__name__}")
    if wanted is Fraction:
        if not _FRACTION.fullmatch(value):
            raise ValueError("not a fraction")
        try:
            return Fraction(value)
        except ZeroDivisionError as error:
            raise ValueError("a fraction cannot have a zero below the line") from error
    if wanted is Path:
        if "\0" in value:
            raise ValueError("a path cannot hold a zero character")
        return Path(value)
    raise ValueError(f"{wanted.__name__} does not travel in messages")
