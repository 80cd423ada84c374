"""What the trial of a night takes for a good night."""

from dataclasses import replace

import pytest

from engine.protocol.errors import ErrorCode, ErrorReport
from engine.protocol.jobs import JobState
from tests.job_views import job
from tests.night_mishaps import ERRORS, MISHAPS, Mishap, mishaps_of
from tests.night_trial import is_good_night, is_in_order, planned_night
from tests.trial_engine import Moment, Seen


def view(number, state=JobState.DONE, code=None):
    error = None if code is None else ErrorReport(code=code, message="It failed.", next_step="Mend it.")
    return job(number, state, finished_at=float(number), error=error)


@pytest.fixture
def night():
    """Fifty jobs that ended as they must."""
    night = planned_night(50)
    for one in night:
        code = ERRORS.get(one.mishap)
        state = JobState.DONE if code is None else JobState.FAILED
        if one.mishap in {Mishap.CANCELLED_AT_WORK, Mishap.CANCELLED_WAITING}:
            state = JobState.CANCELLED
        one.seen = Seen(job=view(one.number, state, code))
        one.master = "identical" if state is JobState.DONE else ""
    return night


def usual(night):
    return next(one for one in night if one.mishap is Mishap.NONE)


def test_each_mishap_befalls_one_job_and_a_night_has_room_for_all():
    assert [mishap for mishap in mishaps_of(50) if mishap is not Mishap.NONE] == list(MISHAPS)
    assert mishaps_of(len(MISHAPS)) == list(MISHAPS)
    assert set(MISHAPS) == set(Mishap) - {Mishap.NONE}
    with pytest.raises(ValueError, match="at least"):
        mishaps_of(len(MISHAPS) - 1)


def test_what_must_not_be_is_no_good_night(night):
    assert is_good_night(night)
    one = usual(night)
    one.master = "DIFFERENT"
    assert not is_good_night(night)
    one.master, one.seen = "identical", Seen(job=view(one.number, JobState.FAILED, ErrorCode.INTERNAL))
    assert not is_good_night(night)


def test_a_job_that_must_fail_must_say_why(night):
    doomed = next(one for one in night if one.mishap is Mishap.DISK_FULL)
    doomed.seen = Seen(job=view(doomed.number, JobState.FAILED, ErrorCode.INTERNAL))
    assert not is_good_night(night)


def test_another_master_is_good_only_where_the_take_says_that_memory_ran_out(night):
    one = next(one for one in night if one.mishap is Mishap.MEMORY_TAKEN)
    one.master = "DIFFERENT"
    assert not is_good_night(night)


def test_a_job_that_ended_before_one_in_front_of_it_is_out_of_order(night):
    one = usual(night)
    assert is_in_order(night)
    one.seen = Seen(job=replace(one.view, finished_at=49.5))
    assert not is_in_order(night)


def test_a_moment_is_told_by_phases_and_never_missed():
    whole = Seen(seconds=10.0, phases={"Reading": 0.0, "Step 1": 4.0, "Writing": 8.0})
    moment = Moment.at(0.5, whole)
    assert (moment.phase, moment.delay_s, moment.after) == ("Step 1", 1.0, {"Writing"})
    seen = Seen()
    seen.phases["Reading"] = 0.0
    assert not moment.is_due(seen)
    seen.phases["Writing"] = 0.1
    assert moment.is_due(seen)
