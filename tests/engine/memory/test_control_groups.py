"""The limits a container sets, as the kernel tells them in both versions of control groups."""

import pytest

from engine.memory.control_groups import GroupMemory, group_memory


@pytest.fixture
def machine(tmp_path):
    """Return a function that writes what the kernel tells a process of its groups, and their files."""

    def write(*, groups, mounts, files):
        process = tmp_path / "proc"
        process.mkdir()
        (process / "cgroup").write_text("".join(f"{line}\n" for line in groups))
        lines = [
            f"31 23 0:2{number} {root} {tmp_path / top} rw,nosuid shared:9 - {kind} none {options}\n"
            for number, (root, top, kind, options) in enumerate(mounts)
        ]
        (process / "mountinfo").write_text("22 27 0:21 / /proc rw - proc proc rw\n" + "".join(lines))
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(f"{text}\n")
        return process

    return write


def test_version_2_from_the_own_group_outwards(machine):
    process = machine(
        groups=["0::/user/masque"],
        mounts=[("/", "sys", "cgroup2", "rw")],
        files={
            "sys/user/masque/memory.max": "max",
            "sys/user/masque/memory.high": "3000",
            "sys/user/masque/memory.current": "1000",
            "sys/user/masque/memory.stat": "anon 400\ninactive_file 300\nactive_file 200\nshmem 100",
            "sys/user/memory.max": "9000",
            "sys/user/memory.current": "8000",
        },
    )
    own, around = group_memory(process)
    assert own == GroupMemory(limit_bytes=3000, used_bytes=500)
    assert (own.free_bytes, around.free_bytes) == (2500, 1000)


def test_version_2_inside_a_container(machine):
    process = machine(
        groups=["0::/"],
        mounts=[("/", "sys", "cgroup2", "rw")],
        files={"sys/memory.max": "5000", "sys/memory.current": "5100"},
    )
    [group] = group_memory(process)
    assert group.free_bytes == 0


def test_version_1_with_the_containers_own_group_mounted(machine):
    process = machine(
        groups=["5:cpu,cpuacct:/docker/abc", "4:memory:/docker/abc"],
        mounts=[
            ("/docker/abc", "sys/cpu", "cgroup", "rw,cpu"),
            ("/docker/abc", "sys/memory", "cgroup", "rw,memory"),
        ],
        files={
            "sys/memory/memory.limit_in_bytes": "7000",
            "sys/memory/memory.usage_in_bytes": "6000",
            "sys/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 1000\ntotal_active_file 500",
        },
    )
    assert group_memory(process) == (GroupMemory(limit_bytes=7000, used_bytes=4500),)


def test_a_group_whose_path_is_another_containers_business_is_read_at_the_mount(machine):
    process = machine(
        groups=["4:memory:/kubepods/pod7/abc"],
        mounts=[("/", "sys with space", "cgroup", "rw,memory")],
        files={
            "sys with space/memory.limit_in_bytes": "7000",
            "sys with space/memory.usage_in_bytes": "1000",
        },
    )
    mounts = process / "mountinfo"
    mounts.write_text(mounts.read_text().replace("sys with space", "sys\\040with\\040space"))
    assert group_memory(process) == (GroupMemory(limit_bytes=7000, used_bytes=1000),)


def test_both_versions_side_by_side(machine):
    process = machine(
        groups=["4:memory:/", "0::/"],
        mounts=[("/", "sys/memory", "cgroup", "rw,memory"), ("/", "sys/unified", "cgroup2", "rw")],
        files={"sys/memory/memory.limit_in_bytes": "7000", "sys/unified/cgroup.procs": "1"},
    )
    assert group_memory(process) == (GroupMemory(limit_bytes=7000, used_bytes=0),)


@pytest.mark.parametrize("groups", [[], ["rubbish"], ["0::/../../outside"], ["3:memory:/"]])
def test_a_process_in_no_group_that_can_be_seen_is_not_limited(machine, groups):
    process = machine(groups=groups, mounts=[("/", "sys", "cgroup2", "rw")], files={"sys/memory.max": "5000"})
    assert group_memory(process) == ()


@pytest.mark.parametrize("limit", ["", "soon", "-1", "max"])
def test_what_is_no_number_limits_nothing(machine, limit):
    process = machine(
        groups=["0::/"], mounts=[("/", "sys", "cgroup2", "rw")], files={"sys/memory.max": limit}
    )
    assert group_memory(process) == ()


def test_a_system_without_groups_limits_nothing(tmp_path):
    assert group_memory(tmp_path / "none") == ()
