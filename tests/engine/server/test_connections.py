"""Who may talk to the engine, and what happens to those who talk nonsense or do not listen."""

import asyncio
import json
import socket
import stat
import subprocess
import sys

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from engine.client import VERSION_HEADER, EngineClient
from engine.client_address import read_address, write_address
from engine.client_start import ALREADY_RUNNING_EXIT
from engine.locations import engine_locations
from engine.protocol import codec
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import JobState
from engine.protocol.messages import Call, GetStatus, PauseQueue, SetPriority, SubmitJob
from engine.protocol.version import PROTOCOL_VERSION
from tests.patience import PATIENCE_S


def headers(token, version=PROTOCOL_VERSION):
    return {"Authorization": f"Bearer {token}", VERSION_HEADER: str(version)}


async def until_alone(client):
    """Wait until a client is the only one, which shows that it is still heard."""
    async with asyncio.timeout(PATIENCE_S):
        while (await client.send(GetStatus())).clients != 1:
            await asyncio.sleep(0.01)


async def refused(address, given, **more):
    with pytest.raises(InvalidStatus) as caught:
        await connect(address.url, additional_headers=given, proxy=None, **more)
    response = caught.value.response
    return response.status_code, codec.decode_error(response.body)


async def test_strangers_browsers_and_other_versions_are_refused(shared_engine, connected):
    address = read_address(engine_locations().runtime_file)
    assert await refused(address, {}) == (401, _code(ErrorCode.ACCESS_REFUSED))
    assert await refused(address, headers("0" * 64)) == (401, _code(ErrorCode.ACCESS_REFUSED))
    assert await refused(address, headers("ü")) == (401, _code(ErrorCode.ACCESS_REFUSED))
    right = headers(address.token)
    status, error = await refused(address, right, origin="http://localhost:8000")
    assert (status, error) == (403, _code(ErrorCode.ACCESS_REFUSED))
    assert "web page" in error.message
    other = headers(address.token, PROTOCOL_VERSION + 1)
    assert await refused(address, other) == (426, _code(ErrorCode.VERSION_MISMATCH))
    async with connected() as client:
        await until_alone(client)


class _code:  # noqa: N801 - compares an error report by its code alone
    def __init__(self, code):
        self.code = code

    def __eq__(self, report):
        return report.code is self.code and bool(report.message) and bool(report.next_step)

    __hash__ = None


async def test_a_client_with_a_wrong_token_reads_one_sentence(shared_engine):
    locations = engine_locations()
    address = read_address(locations.runtime_file)
    wrong = {name: getattr(address, name) for name in address.__dataclass_fields__} | {"token": "1" * 64}
    write_address(locations.runtime_file, type(address)(**wrong))
    with pytest.raises(UserError) as caught:
        async with EngineClient.connect(start=False):
            pass
    assert caught.value.report.code is ErrorCode.ACCESS_REFUSED
    write_address(locations.runtime_file, address)


async def test_the_token_is_for_this_user_alone(shared_engine):
    runtime_file = engine_locations().runtime_file
    address = read_address(runtime_file)
    assert len(bytes.fromhex(address.token)) == 32
    if sys.platform != "win32":
        assert stat.S_IMODE(runtime_file.stat().st_mode) == 0o600
        assert stat.S_IMODE(runtime_file.parent.stat().st_mode) == 0o700
    with socket.socket() as reached_from_outside:
        outside = _own_address()
        if outside is not None:
            assert reached_from_outside.connect_ex((outside, address.port)) != 0


def _own_address():
    """An address of this machine that is not 127.0.0.1, or None where it has none."""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    except OSError:
        return None
    return next((address for address in sorted(found) if not address.startswith("127.")), None)


NONSENSE = [
    b"",
    b"hello",
    b"\xff\xfe\x00",
    b"[]",
    b"{}",
    b'{"call_id": 7}',
    b'{"call_id": 7, "type": "FormatDisk", "body": {}}',
    b'{"call_id": 7, "type": "GetJob", "body": {"job_id": 5}}',
    b'{"call_id": 7, "type": "GetJob", "body": ' + b"[" * 100_000,
    b'{"call_id": 7, "type": "SubmitJob", "body": {"request": {"frame_rate": "1/0"}}}',
]


async def test_nonsense_gets_an_error_and_the_connection_stays(shared_engine):
    address = read_address(engine_locations().runtime_file)
    async with connect(address.url, additional_headers=headers(address.token), proxy=None) as connection:
        for nonsense in NONSENSE:
            await connection.send(nonsense)
            reply = json.loads(await connection.recv())
            assert reply["error"]["code"] == "message_malformed", nonsense
            assert reply["call_id"] == (7 if b'"call_id": 7' in nonsense and b"[[" not in nonsense else 0)
        await connection.send(codec.encode_call(Call(call_id=8, command=GetStatus())))
        assert codec.decode_server_message(await connection.recv()).answer.clients >= 1


async def test_an_oversized_message_ends_its_connection_and_no_other(shared_engine, connected):
    address = read_address(engine_locations().runtime_file)
    request = [
        "GET / HTTP/1.1",
        f"Host: 127.0.0.1:{address.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version: 13",
        *(f"{name}: {value}" for name, value in headers(address.token).items()),
    ]
    async with connected() as other, asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        writer.write("\r\n".join([*request, "", ""]).encode())
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        text_of_8_mib_and_1 = b"\x81\xff" + (codec.MAX_CALL_BYTES + 1).to_bytes(8, "big") + bytes(4)
        writer.write(text_of_8_mib_and_1)
        kind, _, *code = await reader.readexactly(4)
        writer.close()
        await writer.wait_closed()
        assert (kind, int.from_bytes(bytes(code), "big")) == (0x88, 1009)
        await until_alone(other)


async def test_a_client_does_not_send_what_is_too_large(shared_engine, connected, make_request):
    async with connected() as client:
        with pytest.raises(UserError) as caught:
            await client.send(SubmitJob(request=make_request("x" * codec.MAX_CALL_BYTES)))
        assert caught.value.report.code is ErrorCode.MESSAGE_TOO_LARGE
        await until_alone(client)


async def test_a_client_that_does_not_read_holds_up_nobody(shared_engine, connected, make_request):
    address = read_address(engine_locations().runtime_file)
    slow = connect(
        address.url, additional_headers=headers(address.token), proxy=None, max_queue=1, ping_interval=None
    )
    async with slow as deaf, connected() as client:
        await client.send(PauseQueue())
        names = "a long scene name " * 1000
        job = await client.send(SubmitJob(request=make_request(names)))
        for priority in range(600):
            await client.send(SetPriority(job_id=job.job_id, priority=priority))
        heard = []
        async with asyncio.timeout(PATIENCE_S):
            while not heard or heard[-1] != 599:
                event = codec.decode_server_message(await deaf.recv())
                heard += [event.job.priority] if hasattr(event, "job") else []
        assert len(heard) < 600  # what was overtaken while it did not read was left out
        assert heard == sorted(heard)
        assert (await client.send(GetStatus())).queue.counts[JobState.QUEUED] == 1


async def test_a_second_engine_says_that_one_is_running(shared_engine, connected):
    second = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "engine.server"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert second.returncode == ALREADY_RUNNING_EXIT
    assert second.stderr.startswith("An engine is already running")
    assert len(second.stderr.splitlines()) == 1
    async with connected() as client:
        await until_alone(client)
