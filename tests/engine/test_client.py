"""The client finds the engine, starts it when it must, and outlives its end."""

import asyncio
import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading

import psutil
import pytest
from websockets.exceptions import ConnectionClosedError

from engine.client import ClientTimeouts, EngineClient, engine_directories
from engine.client_address import EngineAddress, read_address, write_address
from engine.locations import engine_locations
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.jobs import JobState
from engine.protocol.messages import GetStatus, ListJobs, PauseQueue, SubmitJob
from engine.protocol.version import PROTOCOL_VERSION
from engine.server.main import main as server_main
from tests.patience import PATIENCE_S


@pytest.fixture
def quick_idle_exit(monkeypatch):
    monkeypatch.setenv("MASQUE_ENGINE_IDLE_S", "5")


@pytest.fixture
def stop_afterwards(quick_idle_exit):
    """End whatever engine a test has started."""
    yield
    address = read_address(engine_locations().runtime_file)
    if address is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            engine = psutil.Process(address.process_id)
            engine.terminate()
            engine.wait(PATIENCE_S)


async def test_without_an_engine_a_client_that_may_not_start_one_says_so():
    with pytest.raises(UserError) as caught:
        async with EngineClient.connect(start=False):
            pass
    assert caught.value.report.code is ErrorCode.ENGINE_UNREACHABLE
    assert "not running" in caught.value.report.message


async def test_with_a_limit_that_is_no_size_the_engine_does_not_start_and_says_why(monkeypatch, capsys):
    monkeypatch.setenv("MASQUE_DEVICE_MEMORY", "-3GB")
    with pytest.raises(UserError) as caught:
        async with EngineClient.connect():
            pass
    assert caught.value.report.code is ErrorCode.BAD_INPUT
    assert caught.value.report.message == "MASQUE_DEVICE_MEMORY: '-3GB' is no size of a memory."
    for arguments in ([], ["--detach"]):
        assert server_main(arguments) == 1
        assert "MASQUE_DEVICE_MEMORY: '-3GB' is no size" in capsys.readouterr().err
    assert not engine_locations().runtime_file.exists()


async def test_the_engine_is_started_detached_and_stopped(stop_afterwards):
    async with EngineClient.connect() as client:
        status = await client.send(GetStatus())
        engine = psutil.Process(status.process_id)
        assert psutil.Process().pid not in {parent.pid for parent in engine.parents()}
        assert os.getsid(engine.pid) == engine.pid
        await client.stop_engine()
        assert not client.connected
    engine.wait(PATIENCE_S)
    assert not engine_locations().runtime_file.exists()


async def test_many_clients_at_once_start_one_engine(stop_afterwards):
    async with contextlib.AsyncExitStack() as stack:
        clients = [EngineClient.connect() for _ in range(2)]
        await asyncio.gather(*(stack.enter_async_context(client) for client in clients))
        numbers = {(await client.send(GetStatus())).process_id for client in clients}
    assert len(numbers) == 1


async def test_what_a_dead_engine_left_behind_is_no_obstacle(stop_afterwards):
    gone = await asyncio.create_subprocess_exec(sys.executable, "-c", "pass")
    await gone.wait()
    stale = EngineAddress(
        process_id=gone.pid, port=9, token="0" * 64, protocol_version=PROTOCOL_VERSION, masque_version="1"
    )
    write_address(engine_locations().runtime_file, stale)
    with pytest.raises(UserError) as caught:
        async with EngineClient.connect(start=False):
            pass
    assert caught.value.report.code is ErrorCode.ENGINE_UNREACHABLE
    async with EngineClient.connect() as client:
        assert (await client.send(GetStatus())).process_id != gone.pid


@pytest.mark.parametrize("rubbish", [b"", b"{}", b"\xff", b'{"port": "x"}'])
async def test_rubbish_in_the_runtime_file_is_no_engine(rubbish):
    engine_locations().runtime_file.write_bytes(rubbish)
    with pytest.raises(UserError) as caught:
        async with EngineClient.connect(start=False):
            pass
    assert caught.value.report.code is ErrorCode.ENGINE_UNREACHABLE


async def test_an_engine_that_cannot_start_is_told_with_its_reason(quick_idle_exit):
    engine_locations().queue_database.mkdir()
    with pytest.raises(UserError) as caught:
        async with EngineClient.connect():
            pass
    assert caught.value.report.code is ErrorCode.ENGINE_UNREACHABLE
    assert "queue.sqlite3" in caught.value.report.message


async def test_calls_and_events_end_with_the_engine(start_engine, make_request):
    engine = start_engine()
    async with EngineClient.connect(start=False) as client:
        listener = client.events()
        engine.kill()
        async with asyncio.timeout(PATIENCE_S):
            assert [event async for event in listener] == []
        with pytest.raises(UserError) as caught:
            await client.send(GetStatus())
        assert caught.value.report.code is ErrorCode.ENGINE_UNREACHABLE


async def test_a_listener_gets_a_new_client_when_the_engine_is_back(start_engine, make_request):
    start_engine()
    seen = []
    async with asyncio.timeout(PATIENCE_S):
        async for client in EngineClient.reconnecting(pause_s=0.05):
            await client.send(PauseQueue())
            seen.append(len((await client.send(ListJobs())).jobs))
            if len(seen) == 2:
                break
            await client.send(SubmitJob(request=make_request()))
            await client.stop_engine()
            await asyncio.sleep(0.1)
            start_engine()
    assert seen == [0, 1]


async def test_the_engine_is_found_from_a_session_with_another_runtime_directory(shared_engine):
    there = engine_locations()
    here = type(there)(
        data=there.data, cache=there.cache, log=there.log, runtime=shared_engine.home / "elsewhere"
    )
    async with EngineClient.connect(start=False, locations=here) as client:
        assert (await client.send(GetStatus())).clients >= 1


async def test_an_engine_that_does_not_end_in_time_is_told(start_engine, make_request, reached):
    start_engine(TINY_LIMITS="stop_s=1.5 end_s=1")
    async with EngineClient.connect(start=False, timeouts=ClientTimeouts(stop_s=0.2)) as client:
        job = await client.send(SubmitJob(request=make_request("stuck")))
        await reached(client, job.job_id, lambda job: job.state is JobState.RUNNING)
        with pytest.raises(UserError) as caught:
            await client.stop_engine()
        assert caught.value.report.code is ErrorCode.ENGINE_UNREACHABLE
        assert "has not ended" in caught.value.report.message


async def test_a_connection_lost_while_a_call_is_sent_leaves_no_error_behind(shared_engine):
    left = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: left.append(context["message"]))
    async with EngineClient.connect(start=False) as client:
        connection = client._connection

        async def lose(_data):
            await connection.close()
            await client._reader
            raise ConnectionClosedError(None, None)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(connection, "send", lose)
            with pytest.raises(UserError) as caught:
                await client.send(GetStatus())
    assert caught.value.report.code is ErrorCode.ENGINE_UNREACHABLE
    del caught
    gc.collect()
    assert left == []


async def test_an_engine_frozen_solid_is_told_within_the_time_given(start_engine):
    engine = start_engine()
    async with EngineClient.connect(start=False, timeouts=ClientTimeouts(reply_s=0.3, close_s=0.1)) as client:
        engine.process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(UserError) as caught:
                await client.send(GetStatus())
            assert caught.value.report.code is ErrorCode.ENGINE_UNREACHABLE
            with pytest.raises(UserError):
                async with EngineClient.connect(start=False, timeouts=ClientTimeouts(connect_s=0.3)):
                    pass
        finally:
            engine.process.send_signal(signal.SIGCONT)


def test_a_client_starts_no_thread(shared_engine):
    before = threading.active_count()

    async def talk():
        async with EngineClient.connect(start=False) as client:
            await client.send(GetStatus())
            return threading.active_count()

    assert asyncio.run(talk()) == before


def test_the_client_and_the_server_are_light():
    code = (
        "import sys, engine.client, engine.server.main, engine.server.engine_process\n"
        "heavy = {'torch', 'numpy', 'cv2', 'av', 'PySide6', 'pydub'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_directories_are_this_users_alone(masque_home):
    assert [path.name for path in engine_directories()] == ["data", "cache", "log", "runtime"]
    if sys.platform != "win32":
        assert {path.stat().st_mode & 0o777 for path in engine_directories()} == {0o700}


async def test_the_client_works_on_a_qt_loop(shared_engine):
    """The window talks to the engine on Qt's own event loop."""
    code = (
        "import asyncio, qasync\n"
        "from PySide6.QtCore import QCoreApplication\n"
        "from engine.client import EngineClient\n"
        "from engine.protocol.messages import GetStatus\n"
        "async def talk():\n"
        "    async with EngineClient.connect(start=False) as client:\n"
        "        return (await client.send(GetStatus())).clients\n"
        "app = QCoreApplication([])\n"
        "loop = qasync.QEventLoop(app)\n"
        "print(loop.run_until_complete(talk()))\n"
        "loop.close()\n"
    )
    ended = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert ended.stdout.strip().isdecimal(), ended.stderr
