"""Intensity channels as the window names and orders them."""

from PySide6.QtCore import QCoreApplication

from projects_db.records import Channel, LoopMode

INSPECTOR_ORDER = (
    Channel.EXPRESSION,
    Channel.VOICE,
    Channel.MOUTH,
    Channel.EYES,
    Channel.HEAD,
    Channel.EMOTION,
    Channel.BODY_MOTION,
)


def channel_word(channel: Channel) -> str:
    """Return a channel's name for the user."""
    words = {
        Channel.EXPRESSION: "Expression",
        Channel.HEAD: "Head",
        Channel.EYES: "Eyes",
        Channel.MOUTH: "Mouth",
        Channel.EMOTION: "Emotion",
        Channel.VOICE: "Voice",
        Channel.BODY_MOTION: "Body",
    }
    return QCoreApplication.translate("channels", words[channel])


def loop_word(mode: LoopMode) -> str:
    """Return a loop mode's name for the user."""
    words = {
        LoopMode.ONCE: "once",
        LoopMode.HOLD: "hold",
        LoopMode.LOOP: "loop",
        LoopMode.PING_PONG: "ping-pong",
    }
    return QCoreApplication.translate("loop modes", words[mode])
