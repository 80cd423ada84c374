"""`masque plan`: one verdict a scene, how the memory is used, and what to change where it does not fit."""

import json
from dataclasses import replace

import pytest

from desktop.authoring.running_render import EngineNow, RunningRender
from desktop.cli.commands import plan_command
from desktop.cli.failures import ExitCode
from desktop.cli.main import run
from desktop.cli.plan_text import IN_EXACT_TERMS, NOT_COUNTED, WHERE_TO_LOOK, passes_words
from engine.bundles.registry import register
from engine.client import engine_directories
from engine.protocol.diffusion_settings import Precision
from engine.protocol.errors import ErrorCode, UserError
from engine.protocol.memory_plan import BankPlace, Bottleneck, Concession, HostPlace, WeightStorage
from tests.desktop.cli.test_diffusion_commands import install
from tests.desktop.plan_samples import CARD, GB, MACHINE, REFUSAL, RESIDENT, STREAMED, UNTIMED, FakeSource
from tests.engine.planning.workloads import segment


@pytest.fixture
def source(monkeypatch):
    """A machine with a card, and plans for it that the test chooses."""
    made = FakeSource()
    monkeypatch.setattr(plan_command, "known_machine", made.known_machine)
    monkeypatch.setattr(plan_command, "answer", made.answer)
    monkeypatch.setenv("COLUMNS", "80")
    return made


@pytest.fixture
def two_scenes(masque, driven, samples):
    """The duet, and a scene beside it that nothing drives."""
    masque("scene", "add", driven, samples / "duet.png", "--name", "Still")
    masque("character", "add", driven, "Still", "Cora", "--region", "0.1,0.1,0.2,0.3")
    return driven


def told(capsys, *arguments, code=ExitCode.DONE):
    """Return the lines a person reads, without what pads them."""
    capsys.readouterr()
    assert run(["plan", *map(str, arguments)]) == code
    out = capsys.readouterr().out
    assert max(len(line) for line in out.splitlines()) <= 80
    return [line.rstrip() for line in out.splitlines()]


def test_one_scene_is_told_in_plain_words(source, driven, capsys):
    install("tiny")
    source.outcome = lambda question: replace(STREAMED, loading_seconds=49.6)
    lines = told(capsys, driven)
    text = " ".join(" ".join(lines).split())
    assert "  model            10 of 40 parts on the card, the others brought when needed" in lines
    assert "  at a time        4 segments of up to 81 frames, 30 steps each" in lines
    assert "  in all           11 min" in lines
    assert "  loading weights  50 s of that, from the disk; less when read shortly before" in lines
    assert "given up time alone: 30 of 40 parts of the model are brought when they are needed" in text
    assert any(line.split()[:2] == ["denoising", "(peak)"] for line in lines)
    assert not [word for word in ("keys and values", "tokens", "blocks", "bfloat16") if word in text]
    assert lines[-4:] == [*NOT_COUNTED.splitlines(), IN_EXACT_TERMS, WHERE_TO_LOOK]

    slow = replace(STREAMED, tile_latents=32, bank_place=BankPlace.HOST, releases_blocks=True)
    source.outcome = lambda question: slow
    assert given_up_in(told(capsys, driven)) == (
        "time alone: 30 of 40 parts of the model are brought when they are needed; "
        "what it knows of prompt, plate and characters is brought part by part; "
        "the model makes room while pictures are encoded and decoded; "
        "pictures are encoded and decoded in tiles"
    )
    source.outcome = lambda question: replace(
        slow, token_precision=Precision.BFLOAT16, storage=WeightStorage.EIGHT_BIT
    )
    assert given_up_in(told(capsys, driven)) == (
        "some of the picture: the picture is carried through the model in 16-bit numbers; "
        "weights are kept in 8 bits"
    )
    source.outcome = lambda question: RESIDENT
    assert "  model            all of it on the card" in told(capsys, driven)


def test_one_scene_is_told_in_full(source, driven, capsys):
    install("tiny")
    source.outcome = lambda question: replace(STREAMED, loading_seconds=49.6)
    lines = told(capsys, driven, "--details")
    assert IN_EXACT_TERMS not in lines
    assert lines[0] == f"{CARD} · 11.0 GB of 12.0 GB free"
    assert lines[2].startswith("Duet  fits with streaming  842x474, ")
    assert "  transformer      10 of 40 blocks on the card, as bfloat16" in lines
    assert "  keys and values  on the card" in lines
    assert "  at a time        8,192 tokens, 4 segments of up to 81 frames, 30 steps each" in lines
    assert "  memory           9.2 GB at most, of 10.0 GB" in lines
    assert "  a step           20 s, waiting mostly for arithmetic" in lines
    assert "  in all           11 min" in lines
    assert "  loading weights  50 s of that, from the disk; less when read shortly before" in lines
    assert "  given up         time alone: 30 of 40 blocks are brought when they are needed" in lines
    assert any(line.split() == ["denoising", "(peak)", "9.2", "GB", "92", "%", "10", "min"] for line in lines)
    assert any(line.startswith("  others wait      in memory locked for quick transfer") for line in lines)


def test_a_shot_is_told_in_as_many_passes_as_it_has():
    short, windows = segment(9), replace(segment(81), piece_latents=61, windows=4)
    assert passes_words(short, 4) == "1 segment of 9 frames, 4 steps"
    assert passes_words(windows, 30) == "up to 4 windows of 81 frames in each of 30 steps"


def test_a_file_that_is_no_project_is_told_to_be_none(source, refused, driven, samples):
    install("tiny")
    assert refused("plan", samples / "duet.png")["message"] == "“duet.png” is no Masque project."
    renamed = driven.rename(driven.with_suffix(".copy"))
    assert run(["plan", str(renamed)]) == ExitCode.DONE


def test_what_is_given_up_and_waited_for_is_told_in_words(source, driven, capsys):
    install("tiny")
    source.outcome = lambda question: replace(
        STREAMED,
        concession=Concession.SHORTEST_SEGMENTS,
        storage=WeightStorage.EIGHT_BIT,
        token_precision=Precision.BFLOAT16,
        segment_frames=17,
        host_place=HostPlace.DISK,
        bank_place=BankPlace.HOST,
        tile_latents=32,
        bottleneck=Bottleneck.DISK,
    )
    text = " ".join(" ".join(told(capsys, driven, "--details")).split())
    assert "10 of 40 blocks on the card, in 8 bits" in text
    assert "on the disk, read ahead into memory" in text
    assert "keys and values brought block by block" in text
    assert "tiles of 256 pixels" in text
    assert "waiting mostly for weights read from the disk" in text
    assert (
        "some of the picture: tokens are kept in the narrow number format; weights are kept in 8 bits; "
        "segments are 17 frames long instead of 81"
    ) in text


def given_up_in(lines):
    text = " ".join(line.strip() for line in lines)
    return text[text.index("given up") :].split("while  ", maxsplit=1)[0].split(maxsplit=2)[2].strip()


def test_time_that_is_given_up_is_told_apart_from_the_picture(source, driven, capsys):
    install("tiny")
    source.outcome = lambda question: replace(
        STREAMED, tile_latents=32, bank_place=BankPlace.HOST, releases_blocks=True
    )
    assert given_up_in(told(capsys, driven, "--details")) == (
        "time alone: 30 of 40 blocks are brought when they are needed; "
        "keys and values are brought block by block; "
        "no block stays on the card while pictures are encoded and decoded; "
        "pictures are encoded and decoded in tiles"
    )


def test_what_is_given_up_is_read_from_the_plan_and_not_from_the_ladder(source, driven, capsys):
    install("tiny")
    source.outcome = lambda question: replace(
        RESIDENT, device="processor", precision=Precision.FLOAT32, concession=Concession.SHORTEST_SEGMENTS
    )
    assert given_up_in(told(capsys, driven)) == "nothing"
    lines = told(capsys, driven, "--segment-frames", 121)
    assert given_up_in(lines) == "some of the picture: segments are 81 frames long instead of 121"


def test_a_speed_that_is_not_known_is_not_made_up(source, driven, capsys):
    install("tiny")
    source.outcome = lambda question: UNTIMED
    lines = told(capsys, driven)
    assert "  in all           not known" in lines
    assert not any("loading weights" in line for line in lines)
    assert not any("10 min" in line for line in lines)


def test_what_does_not_fit_says_why_and_what_to_change_and_the_exit_code_says_so(source, driven, capsys):
    install("tiny")
    source.outcome = lambda question: REFUSAL
    lines = told(capsys, driven, code=ExitCode.DOES_NOT_FIT)
    assert any(line.startswith("Duet  will not fit") for line in lines)
    text = " ".join(" ".join(lines).split())
    assert f"why {REFUSAL.reason} change {REFUSAL.changes[0]} or {REFUSAL.changes[1]} or" in text


def kinds_of_rows(lines):
    """How each scene's weights are called: in the terms of the model, or plainly."""
    return [word for line in lines for word in line.split()[:1] if word in {"transformer", "model"}]


def test_several_scenes_are_a_table_and_in_full_when_asked(source, two_scenes, capsys):
    install("tiny")
    source.outcome = lambda question: STREAMED if question.request.scene_name == "Duet" else RESIDENT
    lines = told(capsys, two_scenes)
    assert [line.split()[0] for line in lines[1:4]] == ["scene", "Duet", "Still"]
    assert lines[4:] == [
        "All of a scene's plan: --scene NAME, or --details.",
        *NOT_COUNTED.splitlines(),
        WHERE_TO_LOOK,
    ]
    assert lines[2].split()[1:4] == ["fits", "with", "streaming"]
    assert not any("at a time" in line for line in lines)
    assert kinds_of_rows(told(capsys, two_scenes, "--details")) == ["transformer", "transformer"]
    assert kinds_of_rows(told(capsys, two_scenes, "--scene", "Still")) == ["model"]
    assert source.asked_machine == 3


def test_one_scene_of_several_that_does_not_fit_is_seen_in_the_exit_code(source, two_scenes, capsys):
    install("tiny")
    source.outcome = lambda question: REFUSAL if question.request.scene_name == "Still" else RESIDENT
    lines = told(capsys, two_scenes, code=ExitCode.DOES_NOT_FIT)
    assert lines[2].split()[1] == "fits"
    assert lines[3].split()[1:4] == ["will", "not", "fit"]
    assert lines[4].startswith(f"Still will not fit: {REFUSAL.changes[0].split()[0]}")


def test_a_scene_that_cannot_be_rendered_does_not_hide_the_others(
    source, masque, two_scenes, samples, capsys
):
    install("tiny")
    masque("scene", "add", two_scenes, samples / "duet.png", "--name", "Empty")
    capsys.readouterr()
    assert run(["plan", str(two_scenes), "--json"]) == ExitCode.USER_ERROR
    scenes = {one["scene"]: one for one in json.loads(capsys.readouterr().out)["scenes"]}
    assert [scenes[name]["verdict"] for name in ("Duet", "Still", "Empty")] == [
        "fits",
        "fits",
        "cannot_be_rendered",
    ]
    assert "no characters" in scenes["Empty"]["error"]["message"]
    assert run(["plan", str(two_scenes)]) == ExitCode.USER_ERROR
    captured = capsys.readouterr()
    assert "Empty: The scene “Empty” has no characters." in captured.err
    assert "cannot be rendered" in captured.out


def test_a_bundle_that_tells_too_little_of_itself_is_answered_like_any_scene(source, refused, driven):
    install("tiny")

    def refuse(question):
        raise UserError("The bundle “tiny” tells no sizes.", next_step="Check it again.")

    source.outcome = refuse
    assert refused("plan", driven)["message"] == "The bundle “tiny” tells no sizes."


def test_everything_is_there_for_a_script(source, masque, driven):
    install("tiny", random_weights=True)
    source.outcome = lambda question: STREAMED
    options = ("--steps", 7, "--segment-frames", 21, "--solver", "unipc", "--precision", "float16")
    answer = masque("plan", driven, "--size", "640x360", "--frames", 48, *options)
    assert answer["device"] == CARD
    assert answer["memory"]["device_free_bytes"] == 11 * GB
    (scene,) = answer["scenes"]
    assert (scene["verdict"], scene["width"], scene["frame_count"]) == ("fits_with_streaming", 640, 48)
    assert scene["diffusion_settings"]["steps"] == 7
    assert scene["diffusion_settings"]["segment_frames"] == 21
    assert scene["diffusion_settings"]["solver"] == "unipc"
    assert scene["diffusion_settings"]["precision"] == "float16"
    assert scene["plan"]["resident_blocks"] == list(STREAMED.resident_blocks)
    assert scene["plan"]["bottleneck"] == "arithmetic"
    assert scene["peak_bytes"] == STREAMED.peak_bytes
    assert scene["refusal"] is None
    assert "noise" in scene["notes"][0]


@pytest.fixture
def rendering(monkeypatch):
    """The engine is at a render that fills the card."""

    async def running():
        return EngineNow(render=RunningRender(host_bytes=4 * GB, uses_device=True))

    monkeypatch.setattr(plan_command, "running_engine", running)


def test_while_a_render_runs_the_plan_is_for_when_it_is_done(source, rendering, masque, driven, capsys):
    install("tiny")
    full = replace(MACHINE, now=replace(MACHINE.now, device_free_bytes=GB, others_bytes=11 * GB))
    source.machines = [full]
    lines = told(capsys, driven)
    assert lines[0] == f"{CARD} · 11.0 GB of 12.0 GB free when the running render is done"
    assert lines[1] == "note A render is running. Its memory is counted as free: it will be by then."
    answer = masque("plan", driven)
    assert answer["render_runs"] is True
    assert answer["memory"]["others_bytes"] == 0
    assert told(capsys, driven, "--budget", "8GB")[0] == f"{CARD}, as if 8.0 GB were free"


def test_the_running_engines_limit_is_planned_with(monkeypatch, source, driven, capsys):
    async def limited():
        return EngineNow(limit_bytes=20_000_000)

    monkeypatch.setattr(plan_command, "running_engine", limited)
    install("tiny")
    assert run(["plan", str(driven)]) == ExitCode.DONE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("free · limit 20.0 MB (the running engine's MASQUE_DEVICE_MEMORY)")
    assert lines[1].startswith("note The running engine was started with another MASQUE_DEVICE_MEMORY")
    assert told(capsys, driven, "--budget", "8GB")[0] == f"{CARD}, as if 8.0 GB were free"


def test_a_card_that_a_render_fills_is_no_reason_to_refuse_the_next_scene(
    monkeypatch, rendering, masque, driven, verified_bundle, capsys
):
    full = replace(MACHINE, now=replace(MACHINE.now, device_free_bytes=GB // 5, others_bytes=11 * GB))
    monkeypatch.setattr(plan_command, "known_machine", lambda: full)
    register(engine_directories()[0], verified_bundle)
    assert masque("plan", driven)["scenes"][0]["verdict"] == "fits"
    register(engine_directories()[0], replace(verified_bundle, random_weights=False, sizes={}))
    small = replace(full, now=replace(full.now, device_total_bytes=3 * GB // 2))
    monkeypatch.setattr(plan_command, "known_machine", lambda: small)
    assert run(["plan", str(driven)]) == ExitCode.DOES_NOT_FIT
    assert "Close" not in capsys.readouterr().out


def test_a_budget_stands_in_for_another_card(source, driven, capsys):
    install("tiny")
    lines = told(capsys, driven, "--budget", "8GB")
    assert lines[0] == f"{CARD}, as if 8.0 GB were free"
    limited = replace(MACHINE, now=replace(MACHINE.now, limit_bytes=6 * GB))
    source.machines = [limited]
    assert told(capsys, driven)[0].endswith("limit 6.0 GB (MASQUE_DEVICE_MEMORY)")


def test_without_a_bundle_one_sentence_is_said_and_the_machine_is_left_alone(source, refused, driven):
    error = refused("plan", driven)
    assert error["message"] == "No model bundle is installed, and drafts need no plan."
    assert "masque models add DIR" in error["next_step"]
    assert source.asked_machine == 0


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--budget", "much"), "12GB"),
        (("--budget", "0GB"), "12GB"),
        (("--budget", "99999999999TB"), "more memory than any machine has"),
        (("--budget", "-4GB"), "12GB"),
        (("--size", "big"), "1280x720"),
        (("--steps", "0"), "1 to 200"),
        (("--bundle", "other"), "tiny"),
        (("--precision", "float8"), "bfloat16"),
        (("--scene", "Nobody"), "Duet"),
    ],
)
def test_what_cannot_be_planned_is_refused_before_the_machine_is_asked(
    source, refused, driven, options, word
):
    install("tiny")
    error = refused("plan", driven, *options)
    assert word in f"{error['message']} {error['next_step']}"
    assert source.asked_machine == 0


def test_a_machine_that_cannot_be_looked_at_is_told(source, refused, driven):
    install("tiny")
    source.machines = [
        UserError("The card does not answer.", next_step="Restart it.", code=ErrorCode.INTERNAL)
    ]
    assert refused("plan", driven)["message"] == "The card does not answer."


def test_a_project_without_scenes_is_answered(source, masque, refused, tmp_path):
    install("tiny")
    masque("new", tmp_path / "empty.masque")
    assert "no scenes" in refused("plan", tmp_path / "empty.masque")["message"]


def test_planning_adds_no_take_and_starts_no_engine(source, masque, driven, masque_home):
    install("tiny")
    masque("plan", driven)
    assert masque("takes", driven)["takes"] == []
    assert not list(masque_home.rglob("queue.sqlite3"))


def test_a_real_bundle_is_planned_for_this_card_and_for_smaller_ones(
    monkeypatch, masque, driven, verified_bundle, capsys
):
    monkeypatch.setattr(plan_command, "known_machine", lambda: MACHINE)
    register(engine_directories()[0], verified_bundle)
    (scene,) = masque("plan", driven)["scenes"]
    assert scene["verdict"] == "fits"
    assert 0 < scene["peak_bytes"] <= scene["plan"]["device_budget_bytes"] <= 11 * GB
    assert scene["plan"]["seconds"] > 0
    assert run(["plan", str(driven), "--budget", "1MB", "--json"]) == ExitCode.DOES_NOT_FIT
    (scene,) = json.loads(capsys.readouterr().out)["scenes"]
    assert scene["refusal"]["least_bytes"] > scene["refusal"]["device_budget_bytes"]
    assert scene["refusal"]["changes"] == []
    assert run(["plan", str(driven), "--budget", "1MB"]) == ExitCode.DOES_NOT_FIT
    assert "Nothing that can be set makes it fit." in capsys.readouterr().out
