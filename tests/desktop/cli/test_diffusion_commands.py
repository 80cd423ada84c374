"""Diffusion quality from the command line: what is queued, what is refused before, what a take tells."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from desktop.cli.main import run
from engine.bundles.installed_bundle import Capability, InstalledBundle
from engine.bundles.registry import register
from engine.client import engine_directories
from engine.protocol.codec import decode_request, encode_result
from engine.protocol.diffusion_record import DiffusionRecord
from engine.protocol.diffusion_settings import LongShotMode, Precision
from engine.protocol.jobs import RenderResult
from engine.protocol.memory_plan import WeightStorage
from projects_db.project_store import ProjectStore
from tests.desktop.plan_samples import STREAMED

BOTH = frozenset({Capability.CLIP_DRIVEN, Capability.VOICE_DRIVEN})
DIFFUSION = ("--quality", "diffusion")


def install(name, capabilities=BOTH, **more):
    made = InstalledBundle(name=name, folder=Path("b"), parts={}, capabilities=capabilities, **more)
    register(engine_directories()[0], made)


@pytest.fixture
def waiting(masque, engine, driven):
    """The same, with an engine whose queue is paused."""
    masque("queue", "pause")
    return driven


def requests_in(project):
    with ProjectStore.open(project) as store:
        return [decode_request(take.request) for take in store.takes()]


def test_takes_are_queued_with_seeds_one_after_the_other_and_all_that_was_chosen(masque, waiting):
    install("tiny", random_weights=True)
    answer = masque(
        "render",
        waiting,
        *DIFFUSION,
        *("--takes", 3, "--seed", 5, "--steps", 4, "--text-guidance", 1, "--adapter-guidance", 4.5),
        *("--guidance-end", 80, "--solver", "unipc", "--flow-shift", 3, "--long-shot", "context-windows"),
        *("--segment-frames", 21, "--overlap-frames", 8, "--precision", "float32", "--model-rate", "23.976"),
        "--detach",
    )
    assert [job["seed"] for job in answer["jobs"]] == [5, 6, 7]
    assert "noise" in answer["notes"][0]
    requests = requests_in(waiting)
    assert [request.seed for request in requests] == [5, 6, 7]
    settings = requests[0].diffusion
    assert (settings.bundle, settings.steps, settings.long_shot) == ("tiny", 4, LongShotMode.CONTEXT_WINDOWS)
    assert (settings.guidance.text_scale, settings.guidance.end_percent) == (1.0, 80.0)
    assert settings.model_frame_rate == Fraction(24000, 1001)
    assert len({request.output_directory for request in requests}) == 3
    assert [job["renderer"] for job in masque("queue", "list")["jobs"]] == ["diffusion"] * 3
    takes = masque("takes", waiting)["takes"]
    assert [take["diffusion_settings"]["steps"] for take in takes] == [4, 4, 4]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--steps", "0"), "1 to 200"),
        (("--steps", "201"), "1 to 200"),
        (("--text-guidance", "21"), "0 to 20"),
        (("--voice-guidance", "nan"), "0 to 20"),
        (("--guidance-start", "60", "--guidance-end", "40"), "starts at 60"),
        (("--guidance-end", "101"), "0 to 100"),
        (("--solver", "heun"), "euler, unipc"),
        (("--flow-shift", "-1"), "flow shift"),
        (("--long-shot", "loops"), "continuation, context-windows"),
        (("--segment-frames", "80"), "multiple of 4"),
        (("--segment-frames", "205"), "201"),
        (("--overlap-frames", "12"), "overlap"),
        (("--long-shot", "context-windows", "--overlap-frames", "13"), "4, 8, 12"),
        (("--precision", "float8"), "bfloat16"),
        (("--model-rate", "0"), "frame rate"),
        (("--model-rate", "200"), "1 to 120"),
        (("--bundle", "other"), "tiny"),
        (("--seed", "2147483647", "--takes", "2"), "seed"),
    ],
)
def test_what_cannot_be_rendered_is_refused_and_adds_no_take(refused, masque, driven, options, word):
    install("tiny")
    error = refused("render", driven, *DIFFUSION, *options)
    assert word in f"{error['message']} {error['next_step']}"
    assert masque("takes", driven)["takes"] == []


def test_nothing_is_queued_when_one_of_the_scenes_cannot_be_rendered(refused, masque, driven, samples):
    install("clips", frozenset({Capability.CLIP_DRIVEN}))
    masque("scene", "add", driven, samples / "duet.png", "--name", "First")
    masque("character", "add", driven, "First", "Cora", "--region", "0.1,0.1,0.2,0.3")
    error = refused("render", driven, *DIFFUSION, "--scene", "First", "--scene", "Duet")
    assert "“Bruno” is driven by a voice" in error["message"]
    assert masque("takes", driven)["takes"] == []


def test_no_bundle_and_several_bundles_are_told_apart(refused, driven):
    error = refused("render", driven, *DIFFUSION)
    assert error["code"] == "renderer_unavailable"
    assert "masque models add DIR" in error["next_step"]
    install("one")
    install("two")
    assert "one, two" in refused("render", driven, *DIFFUSION)["next_step"]


def test_options_of_diffusion_given_for_a_draft_are_answered(refused, duet):
    error = refused("render", duet, "--steps", "4", "--bundle", "tiny")
    assert error["message"].startswith("--bundle, --steps are")
    assert "--quality diffusion" in error["next_step"]


def test_prompts_are_set_shown_and_taken_away(masque, refused, duet, capsys):
    answer = masque(
        "scene", "set", duet, "Duet", "--prompt", "  [bold]Two friends.", "--negative-prompt", "blur"
    )
    assert (answer["prompt"], answer["negative_prompt"]) == ("[bold]Two friends.", "blur")
    scene = masque("info", duet)["scenes"][0]["scene"]
    assert (scene["prompt"], scene["negative_prompt"]) == ("[bold]Two friends.", "blur")
    assert run(["info", str(duet)]) == 0
    assert "prompt: [bold]Two friends." in capsys.readouterr().out
    assert masque("scene", "set", duet, "Duet", "--prompt", "")["prompt"] == ""
    refused("scene", "set", duet, "Duet", "--prompt", "long " * 1000)
    refused("scene", "set", duet, "Duet")


def finish(request):
    """Leave the take where a render in tight memory would, made of random weights."""
    record = DiffusionRecord(
        settings=request.diffusion,
        weights={"vae": "5" * 64},
        branches=("adapters 4", "text -3"),
        forwards_per_step=2,
        forwards=4,
        device="cpu",
        precision=Precision.FLOAT32,
        model_width=848,
        model_height=480,
        model_frame_rate=Fraction(23),
        model_frame_count=21,
        segments=1,
        random_weights=True,
        versions={"torch": "2.13.0"},
        plan=replace(STREAMED, storage=WeightStorage.EIGHT_BIT, segment_frames=41),
        measured_peak_bytes=9_100_000_000,
        measured_held_bytes=9_430_000_000,
    )
    same = ("request_id", "take_id", "seed", "frame_rate", "frame_count", "width", "height")
    result = RenderResult(
        **{name: getattr(request, name) for name in same},
        renderer="diffusion",
        has_alpha=False,
        files=(),
        warnings=("Memory ran out while denoising.",),
        diffusion=record,
    )
    request.output_directory.mkdir(parents=True)
    (request.output_directory / "take.json").write_text(encode_result(result))


def test_a_finished_take_tells_how_it_was_made_and_that_it_is_noise(masque, waiting, capsys):
    install("tiny", random_weights=True)
    masque("render", waiting, *DIFFUSION, "--steps", 2, "--text-guidance", 1, "--detach")
    finish(requests_in(waiting)[0])
    take = masque("takes", waiting)["takes"][0]
    assert take["status"] == "done"
    assert take["diffusion_record"]["random_weights"] is True
    assert take["warnings"] == ["Memory ran out while denoising."]
    assert take["diffusion_record"]["settings"]["bundle"] == "tiny"
    assert run(["takes", str(waiting), "--scene", "Duet", "--take", "1"]) == 0
    told = capsys.readouterr().out
    for line in ("tiny, 2 steps, random weights: noise", "guidance: text 1;", "forwards: 2 a step, 4 in all"):
        assert line in told
    assert (
        "memory: peak 9.2 GB predicted, 9.1 GB measured; to save memory, weights are kept in 8 bits and "
        "segments are 41 frames long instead of 81; "
        "10 of 40 blocks on the card, keys and values on the card, 8,192 tokens at a time\n"
        "allocator: 9.4 GB of the card held at most\n"
    ) in told
    assert f"weights: vae {'5' * 64}" in told
    assert "note: Memory ran out while denoising.\n" in told
    assert run(["info", str(waiting)]) == 0
    assert "diffusion, tiny, 2 steps, random weights: noise" in capsys.readouterr().out


def test_help_names_the_options_of_diffusion(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    assert run(["render", "--help"]) == 0
    told = capsys.readouterr().out
    assert "Diffusion quality" in told
    assert "--guidance-start" in told
    assert "negative prompt" in told


def test_the_queue_is_answered_in_json_when_a_note_is_printed(waiting, capsys):
    install("tiny", random_weights=True)
    assert run(["render", str(waiting), *DIFFUSION, "--detach", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["notes"]
    assert captured.err == ""
    assert run(["render", str(waiting), *DIFFUSION, "--detach"]) == 0
    assert "note: The bundle “tiny” has random weights" in capsys.readouterr().err
