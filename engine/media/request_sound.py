"""The sound of a render request, by the name under which the window's preview knows it."""

from engine.media.sound_mix import SceneSound, request_sound

__all__ = ["SceneSound", "request_sound"]
