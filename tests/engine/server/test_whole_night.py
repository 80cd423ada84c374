"""A night's queue: whatever befalls some of its jobs, all others finish, each in its turn."""

import os
import signal
import sys
from itertools import pairwise

import pytest

from engine.protocol.errors import ErrorCode
from engine.protocol.jobs import JobState
from engine.protocol.messages import GetStatus, ListJobs, PauseQueue, ResumeQueue, SubmitJob

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are killed by POSIX signals")

MISHAPS = {
    4: ("insatiable", ErrorCode.OUT_OF_MEMORY),
    11: ("hungry", None),
    17: ("missing", ErrorCode.FILE_MISSING),
    23: ("slow", None),  # its worker is killed
    30: ("full", ErrorCode.DISK_FULL),
    38: ("flickering", None),
    44: ("greedy", ErrorCode.OUT_OF_MEMORY),
}


async def test_of_fifty_mixed_jobs_all_finish_but_those_that_cannot(
    start_engine, connected, make_request, reached, finished
):
    start_engine()
    async with connected() as client:
        await client.send(PauseQueue())
        jobs = []
        for number in range(50):
            words = MISHAPS.get(number, ("fine", None))[0]
            frames = 40 if words == "slow" else 1 + number % 4
            request = make_request(words, frame_count=frames)
            jobs.append(await client.send(SubmitJob(request=request)))
        await client.send(ResumeQueue())
        await reached(client, jobs[23].job_id, lambda job: job.progress.frames_done >= 5)
        os.kill((await client.send(GetStatus())).worker_process_id, signal.SIGKILL)
        await finished(client, jobs[-1].job_id)
        ended = (await client.send(ListJobs())).jobs
    assert [job.job_id for job in ended] == [job.job_id for job in jobs]
    starts = [job.started_at for job in ended]
    assert starts == sorted(starts)
    assert all(before.finished_at <= after.started_at for before, after in pairwise(ended))
    for number, job in enumerate(ended):
        code = MISHAPS.get(number, ("fine", None))[1]
        assert job.state is (JobState.DONE if code is None else JobState.FAILED), (number, job.error)
        assert code is None or is_clear(job.error, code)
        assert (job.output_directory / "take.json").exists() is (code is None)


def is_clear(error, code):
    """Whether an error is one sentence and a next step, without the words of a program."""
    assert error.code is code
    told = error.sentence()
    assert told == " ".join(told.split())
    assert error.message.endswith(".")
    assert error.next_step.endswith(".")
    return not any(word in told for word in ("Error", "Traceback", "errno", "None"))
