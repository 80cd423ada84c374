"""The websocket side: who may come in, what they may say, and what they hear."""

import asyncio
import hmac
import http
import logging

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from engine.client import VERSION_HEADER
from engine.client_events import PendingEvents
from engine.protocol import codec
from engine.protocol.errors import ErrorCode, ErrorReport, UserError
from engine.protocol.messages import PreviewPicture, Reply
from engine.protocol.version import PROTOCOL_VERSION
from engine.server.commands import EngineCommands
from engine.server.event_fanout import EventFanout

_log = logging.getLogger(__name__)
_CALLS_AT_ONCE = 32


class Connections:
    """Everyone who is connected.

    A client that misbehaves gets an error or is put out; the others notice nothing.
    """

    def __init__(self, commands: EngineCommands, fanout: EventFanout, token: str) -> None:
        self._commands = commands
        self._fanout = fanout
        self._token = token

    async def listen(self) -> Server:
        """Listen on a free port of 127.0.0.1."""
        return await serve(
            self._handle,
            "127.0.0.1",
            0,
            process_request=self._admit,
            max_size=codec.MAX_CALL_BYTES,
            compression=None,
            close_timeout=2,
            server_header=None,
        )

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse browsers (they send an Origin), strangers, and clients that speak another version."""
        headers = request.headers
        if "Origin" in headers:
            return _refuse(connection, http.HTTPStatus.FORBIDDEN, _REFUSED_BROWSER)
        given = headers.get_all("Authorization")
        wanted = f"Bearer {self._token}".encode()
        if len(given) != 1 or not hmac.compare_digest(given[0].encode(), wanted):
            return _refuse(connection, http.HTTPStatus.UNAUTHORIZED, _REFUSED_STRANGER)
        if headers.get_all(VERSION_HEADER) != [str(PROTOCOL_VERSION)]:
            return _refuse(connection, http.HTTPStatus.UPGRADE_REQUIRED, _OTHER_VERSION)
        return None

    async def _handle(self, connection: ServerConnection) -> None:
        pending = self._fanout.join()
        self._commands.clients += 1
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_send_events(connection, pending))
                await self._take_calls(connection, tasks)
                self._fanout.leave(pending)
        finally:
            self._fanout.leave(pending)
            self._commands.clients -= 1

    async def _take_calls(self, connection: ServerConnection, tasks: asyncio.TaskGroup) -> None:
        places = asyncio.Semaphore(_CALLS_AT_ONCE)
        try:
            async for data in connection:
                await places.acquire()
                task = tasks.create_task(self._serve(connection, data))
                task.add_done_callback(lambda _: places.release())
        except ConnectionClosed as closed:
            _log.info("a client went away: %s", closed)

    async def _serve(self, connection: ServerConnection, data: bytes | str) -> None:
        reply = await self._reply(data)
        try:
            await connection.send(reply.decode())
        except ConnectionClosed:
            _log.info("a client went away before its answer")

    async def _reply(self, data: bytes | str) -> bytes:
        call_id = codec.NO_CALL
        try:
            call = codec.decode_call(data)
            call_id = call.call_id
            answer = await self._commands.answer(call.command)
            return codec.encode_reply(Reply(call_id=call_id, answer=answer))
        except codec.MalformedCall as error:
            return codec.encode_reply(Reply(call_id=error.call_id, error=error.report))
        except UserError as error:
            return codec.encode_reply(Reply(call_id=call_id, error=error.report))
        except Exception:  # noqa: BLE001 - a call's boundary: a fault in one must not end the engine
            _log.exception("a command failed")
            return codec.encode_reply(Reply(call_id=call_id, error=_FAULT))


async def _send_events(connection: ServerConnection, pending: PendingEvents) -> None:
    try:
        while (event := await pending.next()) is not None:
            if isinstance(event, PreviewPicture):
                await connection.send(codec.encode_preview(event))
            else:
                await connection.send(codec.encode_event(event).decode())
    except ConnectionClosed:
        pending.end()


def _refuse(connection: ServerConnection, status: http.HTTPStatus, error: ErrorReport) -> Response:
    _log.warning("a connection was refused: %s", error.message)
    response = connection.respond(status, codec.encode_error(error))
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json"
    return response


_REFUSED_BROWSER = ErrorReport(
    code=ErrorCode.ACCESS_REFUSED,
    message="The engine refuses connections from web pages.",
    next_step="Use Masque's window or command line.",
)
_REFUSED_STRANGER = ErrorReport(
    code=ErrorCode.ACCESS_REFUSED,
    message="The engine refused the connection: the token is missing or wrong.",
    next_step="Use Masque's window or command line as the user who started the engine.",
)
_OTHER_VERSION = ErrorReport(
    code=ErrorCode.VERSION_MISMATCH,
    message="The engine that is running belongs to another version of Masque.",
    next_step="Stop it with “masque engine stop” of that version, or end its process; the queue is kept.",
)
_FAULT = ErrorReport(
    code=ErrorCode.INTERNAL,
    message="The engine could not do this because of a fault of its own.",
    next_step="Look into the engine's log and report what it says.",
)
