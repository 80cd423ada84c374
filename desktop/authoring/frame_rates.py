"""Frame rates as people write them."""

from fractions import Fraction

from engine.protocol.errors import UserError

LOWEST = Fraction(1)
HIGHEST = Fraction(240)
NTSC_SPELLINGS = {
    "23.976": Fraction(24000, 1001),
    "23.98": Fraction(24000, 1001),
    "29.97": Fraction(30000, 1001),
    "47.952": Fraction(48000, 1001),
    "59.94": Fraction(60000, 1001),
    "119.88": Fraction(120000, 1001),
}


def parse_frame_rate(text: str) -> Fraction:
    """Return the exact rate for `24`, `23.976`, `29.97` or `30000/1001`.

    Raises UserError for anything that is not a rate between 1 and 240 frames a second.
    """
    try:
        rate = NTSC_SPELLINGS.get(text.strip()) or Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        rate = None
    if rate is None or not LOWEST <= rate <= HIGHEST:
        raise UserError(
            f"“{text}” is not a frame rate.",
            next_step="Write a number from 1 to 240, such as 24, 23.976 or 30000/1001.",
        )
    return rate


def frame_rate_text(rate: Fraction) -> str:
    """Return a rate as an animator reads it: `24` or `23.976`."""
    return str(rate.numerator) if rate.denominator == 1 else f"{float(rate):.3f}".rstrip("0").rstrip(".")


def frames_text(frames: int, rate: Fraction) -> str:
    """Return a length as frames and seconds, `96 frames (4.00 s)`."""
    unit = "frame" if frames == 1 else "frames"
    return f"{frames} {unit} ({float(frames / rate):.2f} s)"
