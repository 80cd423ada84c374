"""Where the playhead is, what the stage shows and how playing goes."""

from enum import StrEnum
from fractions import Fraction

from PySide6.QtCore import QObject, Signal


class StageSource(StrEnum):
    """What the stage shows."""

    PLATE = "plate"
    DRAFT = "draft"
    TAKE = "take"


class Playback(QObject):
    """The transport's state in project frames; `dropped` counts frames that were due and not shown."""

    frame_changed = Signal(int)
    playing_changed = Signal(bool)
    source_changed = Signal()
    looping_changed = Signal(bool)
    length_changed = Signal()
    dropped_changed = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._frame = 0
        self._length_frames = 1
        self._frame_rate = Fraction(24)
        self._playing = False
        self._looping = False
        self._source = StageSource.DRAFT
        self._take_id: str | None = None
        self._dropped = 0

    @property
    def frame(self) -> int:
        """The playhead."""
        return self._frame

    @property
    def length_frames(self) -> int:
        """The scene's length."""
        return self._length_frames

    @property
    def frame_rate(self) -> Fraction:
        """Frames a second."""
        return self._frame_rate

    @property
    def playing(self) -> bool:
        """Whether it plays."""
        return self._playing

    @property
    def looping(self) -> bool:
        """Whether it starts again at the end."""
        return self._looping

    @property
    def source(self) -> StageSource:
        """What the stage shows."""
        return self._source

    @property
    def take_id(self) -> str | None:
        """Which take the stage shows when it shows one."""
        return self._take_id

    @property
    def dropped(self) -> int:
        """Frames that were due since playing began and could not be shown."""
        return self._dropped

    def move_to(self, frame: int) -> None:
        """Move the playhead, kept inside the scene."""
        frame = max(0, min(frame, self._length_frames - 1))
        if frame != self._frame:
            self._frame = frame
            self.frame_changed.emit(frame)

    def set_length(self, length_frames: int, frame_rate: Fraction) -> None:
        """Say how long the scene is."""
        if (length_frames, frame_rate) != (self._length_frames, self._frame_rate):
            self._length_frames, self._frame_rate = max(1, length_frames), frame_rate
            self.length_changed.emit()
            self.move_to(self._frame)

    def set_playing(self, playing: bool) -> None:
        """Play or stop."""
        if playing != self._playing:
            self._playing = playing
            self.playing_changed.emit(playing)

    def set_looping(self, looping: bool) -> None:
        """Start again at the end, or stop there."""
        if looping != self._looping:
            self._looping = looping
            self.looping_changed.emit(looping)

    def show(self, source: StageSource, take_id: str | None = None) -> None:
        """Choose what the stage shows; `take_id` with StageSource.TAKE."""
        take_id = take_id if take_id is not None else self._take_id
        if (source, take_id) != (self._source, self._take_id):
            self._source, self._take_id = source, take_id
            self.source_changed.emit()

    def set_dropped(self, dropped: int) -> None:
        """Say how many frames were dropped."""
        if dropped != self._dropped:
            self._dropped = dropped
            self.dropped_changed.emit(dropped)


def timecode(frame: int, frame_rate: Fraction) -> str:
    """Return a frame as non-drop timecode, `hh:mm:ss:ff`, counted at the rounded rate."""
    per_second = max(1, round(frame_rate))
    seconds, frames = divmod(frame, per_second)
    digits = max(2, len(str(per_second - 1)))
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frames:0{digits}d}"
