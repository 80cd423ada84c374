"""The colours of the window, dark and light, and the arithmetic that keeps text readable on them."""

from dataclasses import dataclass

CHARACTERS = ("#3fc3ad", "#b48cff", "#f2b84b", "#ff7d9c", "#6fb1ff", "#a5d65a")
LIGHT_CHARACTER_SHARE = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """One theme's colours as `#rrggbb`, named for what they are used for."""

    is_dark: bool
    window: str
    panel: str
    raised: str
    line: str
    text: str
    secondary: str
    faint: str
    accent: str
    on_accent: str
    selection: str
    stage: str
    knob: str
    good: str = "#53b36a"
    waiting: str = "#d7a83b"
    failed: str = "#e5534b"

    @property
    def running(self) -> str:
        """The colour of something under way: the accent."""
        return self.accent

    def character(self, stored: str) -> str:
        """Return a character's stored colour as this theme shows it: 15 % darker on light."""
        return stored if self.is_dark else darker(stored, LIGHT_CHARACTER_SHARE)


DARK = Tokens(
    is_dark=True,
    window="#17181b",
    panel="#1f2125",
    raised="#292c31",
    line="#34383f",
    text="#e7e8ea",
    secondary="#969ca5",
    faint="#646a73",
    accent="#ff8a5c",
    on_accent="#17181b",
    selection="#2f3b4d",
    stage="#0f1012",
    knob="#e7e8ea",
)
LIGHT = Tokens(
    is_dark=False,
    window="#e4e5e8",
    panel="#f4f5f6",
    raised="#ffffff",
    line="#d0d3d8",
    text="#1e2024",
    secondary="#5c636d",
    faint="#959ba4",
    accent="#d9572a",
    on_accent="#0f1012",
    selection="#d9e6f7",
    stage="#cfd2d6",
    knob="#1e2024",
)


def darker(colour: str, share: float) -> str:
    """Return `#rrggbb` with every channel multiplied by `share` (0 to 1)."""
    red, green, blue = (round(value * share) for value in channels(colour))
    return f"#{red:02x}{green:02x}{blue:02x}"


def channels(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue, 0 to 255, of `#rrggbb`."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def contrast_ratio(first: str, second: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    lighter, dimmer = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (dimmer + 0.05)


def readable_on(background: str) -> str:
    """Return near-black or near-white, whichever reads better on `background`."""
    dark, light = DARK.stage, LIGHT.raised
    return dark if contrast_ratio(dark, background) >= contrast_ratio(light, background) else light


def _luminance(colour: str) -> float:
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
