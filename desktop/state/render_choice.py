"""What the next render will be, and how long it should take."""

import secrets
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from desktop.authoring.diffusion_settings import DiffusionChoice, choose_bundle, what_is_missing, why_refused
from desktop.authoring.memory_plans import Planned
from desktop.authoring.render_requests import (
    LARGEST_SEED,
    MOST_TAKES,
    RenderSettings,
    offered_sizes,
    plate_shaped,
    settings_of_takes,
    usual_size,
)
from desktop.state.bundle_shelf import BundleShelf
from desktop.state.kept_choice import KeptChoice, read_choice, written_choice
from desktop.state.preferences import Preferences
from desktop.state.project_session import ProjectSession
from desktop.state.render_pace import AskedTake, Pace, diffusion_pace, draft_seconds
from engine.bundles.installed_bundle import InstalledBundle
from engine.protocol.errors import UserError
from engine.protocol.render_request import RendererName


class RenderChoice(QObject):
    """Settings for the next takes, remembered between starts. `seed` None draws a new one for every take."""

    choice_changed = Signal()

    def __init__(self, session: ProjectSession, shelf: BundleShelf, preferences: Preferences) -> None:
        super().__init__()
        self._session = session
        self._shelf = shelf
        self._preferences = preferences
        self._kept = read_choice(preferences.render_choice())
        for signal in (
            session.scene_chosen,
            session.scene_changed,
            session.takes_changed,
            session.project_opened,
            shelf.bundles_changed,
        ):
            signal.connect(self.choice_changed)

    @property
    def renderer(self) -> RendererName:
        """The way to render: the quality, for a person."""
        return self._kept.renderer

    def set_renderer(self, renderer: RendererName) -> None:
        """Choose the quality."""
        self._keep(replace(self._kept, renderer=renderer))

    @property
    def bundle(self) -> InstalledBundle | None:
        """The bundle of the next diffusion render.

        The chosen one; else the first that can render the scene, those with real weights before those
        without; None where there is none.
        """
        chosen = next((bundle for bundle in self._shelf.bundles if bundle.name == self._kept.bundle), None)
        scene = self._session.scene
        if chosen is not None or scene is None:
            return chosen
        suited = [bundle for bundle in self._shelf.bundles if not what_is_missing(scene, bundle)]
        return min(suited, key=lambda bundle: bundle.random_weights, default=None)

    def set_bundle(self, name: str | None) -> None:
        """Choose a bundle by name; None leaves it to what the scene needs."""
        self._keep(replace(self._kept, bundle=name))

    @property
    def steps(self) -> int:
        """Denoising steps of a diffusion render."""
        return self._kept.steps

    def set_steps(self, steps: int) -> None:
        """Choose the steps. What cannot be rendered is refused when it is planned or queued."""
        self._keep(replace(self._kept, steps=steps))

    @property
    def take_count(self) -> int:
        """How many takes are queued at once, one seed after the other."""
        return self._kept.take_count

    def set_take_count(self, count: int) -> None:
        """Choose how many takes, as the steps."""
        self._keep(replace(self._kept, take_count=count))

    @property
    def seed(self) -> int | None:
        """The seed of the next take; None: a new one each time."""
        return self._kept.seed

    def set_seed(self, seed: int | None) -> None:
        """Choose the seed."""
        self._keep(replace(self._kept, seed=seed))

    @property
    def advanced(self) -> DiffusionChoice:
        """What else is set of a diffusion render; bundle and steps are not among it."""
        return self._kept.advanced

    def set_advanced(self, advanced: DiffusionChoice) -> None:
        """Choose all of it. What cannot be rendered is refused when it is planned or queued."""
        self._keep(replace(self._kept, advanced=replace(advanced, bundle=None, steps=None)))

    @property
    def size(self) -> tuple[int, int] | None:
        """Pixels of the result in this quality; None: what is usual for the plate, or there is no scene."""
        scene, side = self._session.scene, self._kept.long_sides.get(self.renderer)
        if scene is None or side is None:
            return None
        return plate_shaped(side, scene.plate.probe.width or 1, scene.plate.probe.height or 1)

    def set_size(self, size: tuple[int, int] | None) -> None:
        """Choose a size of the plate's shape for this quality; other plates get its long side."""
        sides = {key: side for key, side in self._kept.long_sides.items() if key is not self.renderer}
        if size is not None:
            sides[self.renderer] = max(size)
        self._keep(replace(self._kept, long_sides=sides))

    def usual_size(self) -> tuple[int, int] | None:
        """Return the size of a render when nobody chooses one; None without a scene."""
        scene = self._session.scene
        if scene is None:
            return None
        return usual_size(self.renderer, scene.plate.probe.width or 1, scene.plate.probe.height or 1)

    def offered_sizes(self) -> tuple[tuple[int, int], ...]:
        """Return the sizes to choose from besides the usual one; none without a scene."""
        scene = self._session.scene
        if scene is None:
            return ()
        return offered_sizes(self.renderer, scene.plate.probe.width or 1, scene.plate.probe.height or 1)

    def trouble(self) -> str:
        """Return why the scene cannot be rendered in diffusion quality, in sentences; empty if it can."""
        if self._shelf.trouble is not None:
            return self._shelf.trouble.sentence()
        scene = self._session.scene
        if scene is None:
            return ""
        bundle = self.bundle
        if bundle is not None:
            return what_is_missing(scene, bundle)
        try:
            choose_bundle(scene, None, self._shelf.bundles)
        except UserError as error:
            return str(error)
        return ""

    def why_refused(self) -> str:
        """Return why such takes can be of no scene, in a sentence; empty if they can."""
        try:
            self.settings_of_takes()
        except UserError as error:
            return error.report.sentence()
        return why_refused(self._diffusion()) if self.renderer is RendererName.DIFFUSION else ""

    def settings_of_takes(self) -> tuple[RenderSettings, ...]:
        """Return the settings of each take. Raises UserError for seeds out of range."""
        seed = secrets.randbelow(LARGEST_SEED - MOST_TAKES) if self.seed is None else self.seed
        return settings_of_takes(
            RenderSettings(
                quality=self.renderer.value, seed=seed, size=self.size, diffusion=self._diffusion()
            ),
            self.take_count,
        )

    def pace(self, planned: Planned | None) -> Pace | None:
        """Return about how long one take lasts, judged by takes there are; None if they do not tell.

        `planned`: the newest plan; it counts where it is of this choice.
        """
        size = self.size or self.usual_size()
        if size is None:
            return None
        takes, frames = self._session.takes, self._session.length_frames
        if self.renderer is RendererName.DRAFT:
            return Pace(seconds=draft_seconds(takes, frames))
        bundle = self.bundle
        if bundle is None:
            return None
        asked = AskedTake(bundle=bundle.name, size=size, frames=frames, steps=self.steps)
        return diffusion_pace(takes, asked if planned is None else _with_plan(asked, planned))

    def _diffusion(self) -> DiffusionChoice:
        if self.renderer is RendererName.DRAFT:
            return DiffusionChoice()
        bundle = self.bundle
        name = bundle.name if bundle else self._kept.bundle
        return replace(self._kept.advanced, bundle=name, steps=self.steps)

    def _keep(self, kept: KeptChoice) -> None:
        if kept != self._kept:
            self._kept = kept
            self._preferences.set_render_choice(written_choice(kept))
            self.choice_changed.emit()


def _with_plan(asked: AskedTake, planned: Planned) -> AskedTake:
    """Return what is asked with the plan for it; without, where the plan is of something else."""
    request = planned.request
    settings = request.diffusion
    if settings is None or (settings.bundle, settings.steps) != (asked.bundle, asked.steps):
        return asked
    if (request.width, request.height, request.frame_count) != (*asked.size, asked.frames):
        return asked
    return replace(asked, settings=settings, plan=planned.plan)
