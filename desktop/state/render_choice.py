"""What the next render will be, and how long it should take, in words."""

import json
import secrets
from statistics import median

from PySide6.QtCore import QObject, Signal

from desktop.authoring.render_requests import LARGEST_SEED, RenderSettings
from desktop.state.project_session import ProjectSession
from engine.protocol.render_request import RendererName
from projects_db.records import TakeStatus

FIRST_GUESS_S_PER_FRAME = 1 / 20
START_UP_S = 2.0


class RenderChoice(QObject):
    """Settings for the next take. `seed` None draws a new one for every take."""

    choice_changed = Signal()

    def __init__(self, session: ProjectSession) -> None:
        super().__init__()
        self._session = session
        self._seed: int | None = 0
        self._size: tuple[int, int] | None = None
        for signal in (
            session.scene_chosen,
            session.scene_changed,
            session.takes_changed,
            session.project_opened,
        ):
            signal.connect(self.choice_changed)

    @property
    def renderer(self) -> RendererName:
        """The way to render."""
        return RendererName.DRAFT

    @property
    def seed(self) -> int | None:
        """The seed of the next take; None: a new one each time."""
        return self._seed

    def set_seed(self, seed: int | None) -> None:
        """Choose the seed."""
        if seed != self._seed:
            self._seed = seed
            self.choice_changed.emit()

    @property
    def size(self) -> tuple[int, int] | None:
        """Pixels of the result; None: the plate's, at most 1280 a side."""
        return self._size

    def set_size(self, size: tuple[int, int] | None) -> None:
        """Choose the size."""
        if size != self._size:
            self._size = size
            self.choice_changed.emit()

    def settings(self) -> RenderSettings:
        """Return the settings of one take."""
        seed = self._seed if self._seed is not None else secrets.randbelow(LARGEST_SEED)
        return RenderSettings(quality=self.renderer.value, seed=seed, size=self._size)

    def estimate_s(self) -> float | None:
        """Return about how long a render of the scene takes, judged by takes there are; None without."""
        if self._session.scene is None:
            return None
        return START_UP_S + self._session.length_frames * self._seconds_per_frame()

    def _seconds_per_frame(self) -> float:
        done = [take for take in self._session.takes if take.status is TakeStatus.DONE and take.result]
        known = []
        for take in done[-8:]:
            result = json.loads(take.result or "{}")
            if result.get("render_seconds") and result.get("frame_count"):
                known.append(result["render_seconds"] / result["frame_count"])
        return median(known) if known else FIRST_GUESS_S_PER_FRAME
