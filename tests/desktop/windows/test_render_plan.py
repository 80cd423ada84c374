"""The plan of a render by mouse and key: quality, bundle, steps, takes, prompts; and what the takes tell."""

from dataclasses import replace
from fractions import Fraction

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop.authoring.takes import reconcile_takes
from desktop.commands.renders import Renders
from desktop.engine_link.engine_link import EngineLink
from desktop.state.render_queue import RenderQueue
from engine.bundles.installed_bundle import Capability
from engine.bundles.registry import register
from engine.client import engine_directories
from engine.protocol.codec import decode_request, encode_result
from engine.protocol.diffusion_record import DiffusionRecord
from engine.protocol.diffusion_settings import Precision
from engine.protocol.jobs import RenderResult
from engine.protocol.render_request import RendererName
from tests.desktop.hands import wait_until
from tests.desktop.plan_samples import STREAMED
from tests.desktop.windows.plan_hands import WHOLE, open_plan, type_number

NOISE = replace(WHOLE, name="a-test", random_weights=True)
CLIPS = replace(WHOLE, name="clips", capabilities=frozenset({Capability.CLIP_DRIVEN}))


class SilentEngine(EngineLink):
    """An engine that is asked and does not answer."""

    def __init__(self):
        super().__init__()
        self.asked = 0

    def use(self, work, *, on_failed=None):
        del work, on_failed
        self.asked += 1


@pytest.fixture
def plan(opened):
    """The window's plan, open."""

    def open_with(*bundles):
        for bundle in bundles:
            register(engine_directories()[0], bundle)
        open_plan(opened)
        wait_until(lambda: opened.desk.shelf.bundles == tuple(sorted(bundles, key=lambda b: b.name)))
        return opened.window.plan

    yield open_with
    opened.window.plan.hide()


def choose_diffusion(plan):
    QTest.mouseClick(plan.quality.button("diffusion"), Qt.MouseButton.LeftButton)


def finish(store, takes, **changes):
    """Leave each take's result where the engine would, and take it in."""
    for take in takes:
        request = decode_request(take.request)
        record = DiffusionRecord(
            settings=request.diffusion,
            weights={},
            branches=(),
            forwards_per_step=2,
            forwards=60,
            device="cpu",
            precision=Precision.FLOAT32,
            model_width=848,
            model_height=480,
            model_frame_rate=Fraction(23),
            model_frame_count=81,
            segments=1,
            **changes,
        )
        result = RenderResult(
            request_id=request.request_id,
            take_id=take.id,
            renderer="diffusion",
            seed=request.seed,
            frame_rate=request.frame_rate,
            frame_count=request.frame_count,
            width=request.width,
            height=request.height,
            has_alpha=False,
            files=(),
            render_seconds=600.0,
            diffusion=record,
        )
        request.output_directory.mkdir(parents=True)
        (request.output_directory / "take.json").write_text(encode_result(result))
    reconcile_takes(store)


def test_without_a_bundle_diffusion_is_shown_but_not_offered_and_the_reason_is_there(opened, plan):
    popup = plan()
    assert not popup.quality.button("diffusion").isEnabled()
    assert "masque models add DIR" in popup.words.text()
    assert "masque models add DIR" in popup.quality.button("diffusion").toolTip()
    choose_diffusion(popup)
    assert opened.desk.choice.renderer is RendererName.DRAFT
    assert not popup.steps.isVisible()


def test_a_bundle_added_meanwhile_is_found_when_the_plan_is_opened(opened, plan):
    popup = plan()
    popup.hide()
    popup = plan(WHOLE)
    wait_until(popup.quality.button("diffusion").isEnabled)
    choose_diffusion(popup)
    assert popup.bundle_choice.currentText() == "whole"
    assert popup.size_choice.currentText() == "842 × 474"
    assert opened.window.bar.renderer_button.text() == "Diffusion · whole ▾"
    assert "not known yet" in opened.window.bar.plan_button.text()


def test_bundles_that_cannot_render_the_scene_say_why_and_real_weights_come_first(opened, plan):
    popup = plan(WHOLE, NOISE, CLIPS)
    choose_diffusion(popup)
    assert popup.bundle_choice.currentText() == "whole"
    row = popup.bundle_choice.findData("clips")
    assert not popup.bundle_choice.model().item(row).isEnabled()
    assert "“Bruno”" in popup.bundle_choice.itemData(row, Qt.ItemDataRole.ToolTipRole)
    noise = popup.bundle_choice.findData("a-test")
    assert "random weights" in popup.bundle_choice.itemText(noise)
    popup.bundle_choice.activated.emit(noise)
    assert opened.desk.choice.bundle == NOISE
    assert "noise" in popup.words.text()


def test_a_scene_no_bundle_can_render_is_told_in_the_plan_and_in_the_strip(opened, plan):
    popup = plan(CLIPS)
    choose_diffusion(popup)
    assert "“Bruno” is driven by a voice" in popup.words.text()
    popup.hide()
    QTest.mouseClick(opened.window.bar.render_button, Qt.MouseButton.LeftButton)
    assert "“Bruno” is driven by a voice" in opened.window.message.text
    assert opened.desk.session.takes == ()


def test_takes_are_queued_with_what_was_chosen_and_tell_of_it_when_done(opened, plan):
    desk = opened.desk
    popup = plan(NOISE)
    choose_diffusion(popup)
    type_number(popup.steps, 4)
    type_number(popup.takes, 3)
    type_number(popup.seed, 7)
    assert "3 takes" in opened.window.bar.plan_button.text()
    popup.hide()
    engine = SilentEngine()
    renders = Renders(desk.session, RenderQueue(engine), engine, choice=desk.choice, notices=desk.notices)
    renders.queue_scene()
    assert engine.asked == 3
    takes = desk.session.takes
    assert [take.seed for take in takes] == [7, 8, 9]
    assert {decode_request(take.request).diffusion.steps for take in takes} == {4}
    assert any("noise" in line.text for line in desk.notices.lines)
    panel = opened.window.results.takes
    first = panel.model.index(0)
    assert "Diffusion · a-test · 4 steps · seed 9" in first.data()
    narrow = replace(STREAMED, token_precision=Precision.BFLOAT16)
    finish(desk.session.store, takes, random_weights=True, plan=narrow, measured_peak_bytes=9_100_000_000)
    desk.session.refresh()
    first = panel.model.index(0)
    assert "random weights: noise" in first.data()
    assert panel.making.text() == "Guidance: as published · 2 passes a step · cpu, float32"
    assert panel.memory.text() == (
        "Peak 9.2 GB predicted, 9.1 GB measured; "
        "to save memory, the picture is carried through the model in 16-bit numbers; "
        "10 of 40 parts of the model on the card"
    )
    assert "about 30 min" in opened.window.bar.plan_button.text()


def test_prompts_are_kept_with_the_scene_and_can_be_undone(opened, plan):
    desk = opened.desk
    popup = plan(WHOLE)
    choose_diffusion(popup)
    QTest.keyClicks(popup.prompt, "Two friends talk")
    QTest.keyClick(popup.prompt, Qt.Key.Key_Tab)
    QTest.keyClicks(popup.negative_prompt, "blur")
    popup.hide()
    assert (desk.session.scene.prompt, desk.session.scene.negative_prompt) == ("Two friends talk", "blur")
    desk.history.undo()
    desk.history.undo()
    assert desk.session.scene.prompt == ""


def test_each_quality_keeps_a_size_of_its_own(opened, plan):
    popup = plan(WHOLE)
    opened.desk.choice.set_size((640, 360))
    choose_diffusion(popup)
    assert opened.desk.choice.size is None
    QTest.mouseClick(popup.quality.button("draft"), Qt.MouseButton.LeftButton)
    assert opened.desk.choice.size == (640, 360)
    assert popup.size_choice.currentText() == "640 × 360"


def test_a_new_seed_is_drawn_for_each_render_and_its_takes_follow_it(opened, plan):
    popup = plan()
    QTest.mouseClick(popup.new_seed, Qt.MouseButton.LeftButton)
    type_number(popup.takes, 2)
    assert not popup.seed.isEnabled()
    first, second = (take.seed for take in opened.desk.choice.settings_of_takes())
    assert second == first + 1
    popup.hide()
    opened.window.plan.open_below(opened.window.bar.plan_button)
    assert opened.desk.choice.seed is None
    assert popup.new_seed.isChecked()


def test_a_damaged_list_of_models_is_told_where_the_choice_is(opened, plan):
    (engine_directories()[0] / "models.json").write_text("{")
    opened.desk.shelf.look()
    wait_until(lambda: opened.desk.shelf.trouble is not None)
    popup = opened.window.plan
    popup.open_below(opened.window.bar.plan_button)
    assert "damaged" in popup.words.text()
    wait_until(lambda: opened.desk.shelf.trouble is None)


def test_the_projects_name_gives_way_to_the_buttons(opened, plan):
    window = opened.window
    plan(WHOLE)
    opened.desk.choice.set_renderer(RendererName.DIFFUSION)
    for width in (960, 1440):
        window.resize(width, 700)
        QTest.qWait(20)
        name, button = window.bar.project_name, window.bar.renderer_button
        assert not name.isVisible() or name.geometry().right() < button.geometry().left()
        assert name.isVisible() or width == 960
