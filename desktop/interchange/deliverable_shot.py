"""What is delivered: finished takes as an editing tool needs them, free of how the project keeps them."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverableStem:
    """One character's own sound, a WAV as long as the take."""

    character: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotMarker:
    """A note at a frame of the shot; `colour` as "#rrggbb", `scope` in the project's words."""

    frame: int
    name: str
    colour: str
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverableShot:
    """A finished take of one scene.

    `name` is the stem of its delivered files. `master` is a lossless movie, `mix` a WAV or None for a silent
    take.
    """

    name: str
    scene_id: str
    scene_name: str
    take_id: str
    take_number: int
    request_id: str
    renderer: str
    seed: int
    rating: int
    notes: str
    frame_rate: Fraction
    frame_count: int
    width: int
    height: int
    has_alpha: bool
    master: Path
    mix: Path | None = None
    stems: tuple[DeliverableStem, ...] = ()
    markers: tuple[ShotMarker, ...] = ()
    masque_version: str = ""

    @property
    def title(self) -> str:
        """The shot in words for a person."""
        return f"Take {self.take_number} of “{self.scene_name}”"

    @property
    def duration_s(self) -> Fraction:
        """The shot's length in seconds."""
        return self.frame_count / self.frame_rate


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredStem:
    """A character's sound in the delivery folder."""

    character: str
    file_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredShot:
    """A shot with the names it has in the delivery folder.

    `picture_name` is a movie, or the folder of an image sequence whose pictures are named `sequence_prefix`,
    six digits from 000000 on, `sequence_suffix`.
    """

    shot: DeliverableShot
    picture_name: str
    sequence_prefix: str = ""
    sequence_suffix: str = ""
    mix_name: str | None = None
    stems: tuple[DeliveredStem, ...] = ()

    @property
    def is_sequence(self) -> bool:
        """Whether the picture is a folder of single images."""
        return bool(self.sequence_suffix)

    @property
    def names(self) -> tuple[str, ...]:
        """Every file and folder of the shot, the picture first."""
        sounds = (self.mix_name, *(stem.file_name for stem in self.stems))
        return (self.picture_name, *(name for name in sounds if name is not None))
