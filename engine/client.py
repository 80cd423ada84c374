"""The engine's client for the command line and the window: finds or starts the server, asks, listens."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, overload

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from engine.client_address import EngineAddress, find_address
from engine.client_events import EngineEvent, PendingEvents
from engine.client_start import launch_server, not_running, not_started
from engine.locations import EngineLocations, engine_locations
from engine.protocol import codec
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import EngineStatus, JobView, QueueStatus
from engine.protocol.messages import (
    Answer,
    Call,
    CancelJob,
    ClearFinished,
    Command,
    GetJob,
    GetStatus,
    JobList,
    ListJobs,
    MoveJob,
    PauseJob,
    PauseQueue,
    Reply,
    ResumeJob,
    ResumeQueue,
    RetryJob,
    SetAfterCrash,
    SetPriority,
    StopEngine,
    SubmitJob,
)
from engine.protocol.version import PROTOCOL_VERSION

VERSION_HEADER = "Masque-Protocol"

_JobCommand = SubmitJob | GetJob | PauseJob | ResumeJob | CancelJob | RetryJob | MoveJob | SetPriority
_QueueCommand = PauseQueue | ResumeQueue | SetAfterCrash


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTimeouts:
    """How long a client waits, in seconds, before it says so."""

    connect_s: float = 10.0
    start_s: float = 30.0
    reply_s: float = 60.0
    close_s: float = 2.0
    stop_s: float = 60.0


def engine_directories() -> tuple[Path, ...]:
    """Return where the engine keeps its files: data, cache, logs and what lives with the process."""
    locations = engine_locations()
    return (locations.data, locations.cache, locations.log, locations.runtime)


class EngineClient:
    """A connection to the engine: `async with EngineClient.connect() as client`. One event loop, no threads.

    Raises UserError: ENGINE_UNREACHABLE where no engine answers, ACCESS_REFUSED, VERSION_MISMATCH.
    """

    def __init__(self, locations: EngineLocations, *, start: bool, timeouts: ClientTimeouts) -> None:
        self._locations = locations
        self._start = start
        self._timeouts = timeouts
        self._connection: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._call_ids = itertools.count(codec.NO_CALL + 1)
        self._open_calls: dict[int, asyncio.Future[Reply]] = {}
        self._first_listener: PendingEvents | None = None
        self._listeners: list[PendingEvents] = []

    @classmethod
    def connect(
        cls,
        start: bool = True,
        *,
        locations: EngineLocations | None = None,
        timeouts: ClientTimeouts | None = None,
    ) -> Self:
        """Return a client that connects when entered, and starts the engine first if it must and may."""
        return cls(locations or engine_locations(), start=start, timeouts=timeouts or ClientTimeouts())

    @classmethod
    async def reconnecting(
        cls, start: bool = False, *, locations: EngineLocations | None = None, pause_s: float = 1.0
    ) -> AsyncIterator[Self]:
        """Yield a connected client, and a new one whenever the engine has gone and come back.

        A listener loops over clients, asks each for what it shows (ListJobs), then over its events, which end
        with the connection. Errors other than an engine that is not there are raised.
        """
        while True:
            client = cls.connect(start, locations=locations)
            try:
                await client.open()
            except UserError as error:
                if error.report.code is not ErrorCode.ENGINE_UNREACHABLE:
                    raise
            else:
                try:
                    yield client
                finally:
                    await client.close()
            await asyncio.sleep(pause_s)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect; start the engine first where it is not running and this client may start it."""
        self._connection = await self._try_connect()
        if self._connection is None and not self._start:
            raise not_running()
        if self._connection is None:
            self._connection = await self._start_and_connect()
        self._first_listener = PendingEvents()
        self._listeners = [self._first_listener]
        self._reader = asyncio.create_task(self._read(self._connection))

    async def close(self) -> None:
        """End the connection; what still waits for an answer gets an error."""
        if self._connection is not None:
            await self._connection.close()
        if self._reader is not None:
            await self._reader
        self._connection = self._reader = None

    @property
    def connected(self) -> bool:
        """Whether the connection still stands."""
        return self._reader is not None and not self._reader.done()

    @overload
    async def send(self, command: _JobCommand) -> JobView: ...
    @overload
    async def send(self, command: ListJobs | ClearFinished) -> JobList: ...
    @overload
    async def send(self, command: _QueueCommand) -> QueueStatus: ...
    @overload
    async def send(self, command: GetStatus | StopEngine) -> EngineStatus: ...

    async def send(self, command: Command) -> Answer:
        """Ask the engine and return its answer. Raises the engine's UserError, or ENGINE_UNREACHABLE."""
        call = Call(call_id=next(self._call_ids), command=command)
        data = codec.encode_call(call).decode()
        if self._connection is None or not self.connected:
            raise _connection_lost()
        future = asyncio.get_running_loop().create_future()
        self._open_calls[call.call_id] = future
        try:
            async with asyncio.timeout(self._timeouts.reply_s):
                await self._connection.send(data)
                reply: Reply = await future
        except ConnectionClosed as closed:
            raise _closed(closed) from closed
        except TimeoutError as error:
            raise _no_answer(self._timeouts.reply_s) from error
        finally:
            self._open_calls.pop(call.call_id, None)
            _let_go(future)
        if reply.error is not None:
            raise UserError.from_report(reply.error)
        if reply.answer is None:
            raise _no_answer(0)
        return reply.answer

    async def stop_engine(self) -> EngineStatus:
        """End the engine; return when it has let go of the queue. This connection ends with it."""
        status = await self.send(StopEngine())
        try:
            async with asyncio.timeout(self._timeouts.stop_s):
                if self._reader is not None:
                    await asyncio.wait({self._reader})
        except TimeoutError as error:
            raise _does_not_end(self._timeouts.stop_s) from error
        return status

    def events(self) -> AsyncIterator[EngineEvent]:
        """Return what happens from now on, until the connection ends; the first call gets all since it began.

        Of each job only the latest event and preview wait for a listener that is slow.
        """
        listener, self._first_listener = self._first_listener, None
        if listener is None:
            listener = PendingEvents()
            if self.connected:
                self._listeners.append(listener)
            else:
                listener.end()
        return self._listen(listener)

    async def _listen(self, listener: PendingEvents) -> AsyncIterator[EngineEvent]:
        try:
            while (event := await listener.next()) is not None:
                yield event
        finally:
            if listener in self._listeners:
                self._listeners.remove(listener)

    async def _try_connect(self) -> ClientConnection | None:
        """Return a connection, or None where no engine listens (it may have died and left its file)."""
        address = find_address(self._locations)
        if address is None:
            return None
        try:
            return await connect(
                address.url,
                additional_headers=_headers(address),
                max_size=codec.MAX_REPLY_BYTES,
                open_timeout=self._timeouts.connect_s,
                close_timeout=self._timeouts.close_s,
                compression=None,
                proxy=None,
            )
        except InvalidStatus as refusal:
            raise _refused(refusal) from refusal
        except TimeoutError as error:
            raise _no_answer(self._timeouts.connect_s) from error
        except (OSError, InvalidHandshake, ConnectionClosed):
            return None

    async def _start_and_connect(self) -> ClientConnection:
        await launch_server(self._locations)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timeouts.start_s):
                while True:
                    connection = await self._try_connect()
                    if connection is not None:
                        return connection
                    await asyncio.sleep(0.05)
        raise not_started(self._locations)

    async def _read(self, connection: ClientConnection) -> None:
        lost = _connection_lost()
        try:
            async for data in connection:
                self._receive(data)
        except ConnectionClosed as closed:
            lost = _closed(closed)
        except UserError as malformed:
            lost = malformed
        finally:
            for future in self._open_calls.values():
                if not future.done():
                    future.set_exception(lost)
            for listener in self._listeners:
                listener.end()

    def _receive(self, data: bytes | str) -> None:
        if isinstance(data, bytes):
            self._hand_out(codec.decode_preview(data))
            return
        message = codec.decode_server_message(data)
        if not isinstance(message, Reply):
            self._hand_out(message)
            return
        future = self._open_calls.get(message.call_id)
        if future is not None and not future.done():
            future.set_result(message)

    def _hand_out(self, event: EngineEvent) -> None:
        for listener in self._listeners:
            listener.add(event)


def _headers(address: EngineAddress) -> dict[str, str]:
    return {"Authorization": f"Bearer {address.token}", VERSION_HEADER: str(PROTOCOL_VERSION)}


def _refused(refusal: InvalidStatus) -> UserError:
    try:
        return UserError.from_report(codec.decode_error(bytes(refusal.response.body or b"")))
    except UserError:
        return UserError(
            f"The engine refused the connection ({refusal.response.status_code}).",
            next_step="Stop the engine with “masque engine stop” and try again.",
            code=ErrorCode.ACCESS_REFUSED,
        )


def _connection_lost() -> UserError:
    return UserError(
        "The connection to the engine is lost.",
        next_step="The queue is safe; connect again, or look into the engine's log.",
        code=ErrorCode.ENGINE_UNREACHABLE,
    )


def _closed(closed: ConnectionClosed) -> UserError:
    if closed.rcvd is not None and closed.rcvd.code == 1009:
        return UserError(
            "The message is larger than the engine accepts.",
            next_step="Split it up: fewer keys in a curve or region.",
            code=ErrorCode.MESSAGE_TOO_LARGE,
        )
    return _connection_lost()


def _let_go(future: "asyncio.Future[Reply]") -> None:
    """End a wait: an error that nobody waited for any more is taken as read."""
    if not future.cancel() and not future.cancelled():
        future.exception()


def _does_not_end(waited_s: float) -> UserError:
    return UserError(
        f"The engine was told to stop and has not ended within {waited_s:g} seconds.",
        next_step="Look into the engine's log, or end its process; the queue is kept.",
        code=ErrorCode.ENGINE_UNREACHABLE,
    )


def _no_answer(waited_s: float) -> UserError:
    return UserError(
        f"The engine gave no answer within {waited_s:g} seconds.",
        next_step="Look into the engine's log; “masque engine stop” ends it and keeps the queue.",
        code=ErrorCode.ENGINE_UNREACHABLE,
    )
