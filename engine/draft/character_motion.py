"""All that moves one character at a frame: drivers, voice and idle motion, scaled by the intensity curves.

Expression multiplies mouth, eyes and emotion, and with the mouth the voice; the head has its own curve only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.draft.channel_windows import ExpressionGains
from engine.draft.clip_motion import ClipMotion
from engine.draft.driving_motion import MotionSample
from engine.draft.idle_motion import IdleMotion
from engine.draft.procedural_face import ProceduralPose
from engine.draft.voice_motion import VoiceMotion
from engine.protocol.curves import Channel, neutral_value, value_at
from engine.protocol.render_request import CharacterInput, RenderRequest

NOD_REACH = 0.007
NOD_DELAY_FRAMES = 2
VOICE_TAKES_MOUTH = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceMotion:
    """A character's motion at one frame, scaled: `head` [4] (see `MotionSample`), the driver's sample with
    the gains of its expression, the head's gain for the sample's turn, and the procedural pose.
    """

    head: NDArray[np.float32]
    head_gain: float
    sample: MotionSample | None
    gains: ExpressionGains
    pose: ProceduralPose

    @property
    def is_still(self) -> bool:
        """Whether the plate is shown as it is."""
        return self.sample is None and self.pose.is_still and not bool(np.abs(self.head).max() > 1e-6)


class CharacterMotion:
    """The motion of one character over the scene."""

    def __init__(self, request: RenderRequest, character: CharacterInput, clips: ClipMotion) -> None:
        """Read the character's voices. Raises UserError when one cannot be read."""
        self._character = character
        self._rate = request.frame_rate
        self._clips = clips
        self._voice = VoiceMotion(character.voices, request.frame_rate)
        self._idle = IdleMotion(
            request.seed, character.character_id, float(request.frame_count / request.frame_rate)
        )
        self._is_alive = bool(character.driving or character.voices)

    def at(self, frame: int) -> FaceMotion:
        """Return the motion at a project frame."""
        driven = self._clips.at(frame)
        expression = self._gain(Channel.EXPRESSION, frame)
        mouth = expression * self._gain(Channel.MOUTH, frame)
        eyes = expression * self._gain(Channel.EYES, frame)
        head_gain = self._gain(Channel.HEAD, frame)
        voice = self._gain(Channel.VOICE, frame)
        opening, spread = self._voice.at(frame)
        idle = (1.0 - driven.share) if self._is_alive else 0.0
        head = np.zeros(4, np.float32) if driven.sample is None else head_gain * driven.sample.head
        spoken = self._voice.covers(frame) * min(voice, 1.0) * VOICE_TAKES_MOUTH
        return FaceMotion(
            head=head + self._body(frame, head_gain, voice, idle),
            head_gain=head_gain,
            sample=driven.sample,
            gains=ExpressionGains(
                mouth=mouth * (1.0 - spoken),
                eyes=eyes,
                emotion=expression * self._gain(Channel.EMOTION, frame),
            ),
            pose=ProceduralPose(
                opening=_compressed(opening * voice * mouth),
                spread=spread * min(voice * mouth, 1.0),
                blink=min(1.0, idle * self._idle.blink(float(frame / self._rate)) * eyes),
            ),
        )

    def _body(self, frame: int, head_gain: float, voice: float, idle: float) -> NDArray[np.float32]:
        """Return sway and the small nods that go with speech, scaled by body motion and by the head's
        curve.
        """
        body = (
            self._gain(Channel.BODY_MOTION, frame) / neutral_value(Channel.BODY_MOTION) * min(head_gain, 1.0)
        )
        sway = idle * self._idle.sway(float(frame / self._rate))
        spoken = sum(self._voice.at(frame - NOD_DELAY_FRAMES - step)[0] for step in range(4)) / 4
        nod = idle * min(voice, 1.0) * NOD_REACH * spoken
        return np.asarray(body * (sway + np.array([0, 0, 0, nod])), np.float32)

    def _gain(self, channel: Channel, frame: int) -> float:
        return max(0.0, value_at(self._character.curve(channel), frame, channel))


def _compressed(opening: float) -> float:
    """Return the opening, ever less beyond fully open; at most 1.6."""
    return opening if opening < 1.0 else 1.0 + 0.6 * float(np.tanh((opening - 1.0) / 0.6))
