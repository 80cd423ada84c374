"""Paints the mouth: lips that smile, open and round themselves, teeth and tongue."""

from dataclasses import dataclass

import numpy as np
from sample_canvas import Patch, Points, mix, rim
from sample_face_brush import FaceBrush

MOUTH_Y = 0.83
MIDDLE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class MouthPainter(FaceBrush):
    """Paints the mouth on a face whose skin is there already."""

    skin: Patch

    def paint(self) -> None:
        """Paint the lips and what is seen between them."""
        unit, look = self.pose.unit, self.look
        lips = self._lip_lines()
        philtrum = self.blob((0, MOUTH_Y - 0.18), (0.035, 0.05), 0.02).within(self.skin)
        self.canvas.darken(philtrum, look.skin_shade, 0.16)
        below = self.blob((0, lips["lower_outer"][MIDDLE, 1] + 0.05), (0.20, 0.035), 0.035).within(self.skin)
        self.canvas.darken(below, look.skin_shade, 0.45)
        upper = self._lip(lips["upper_outer"], lips["upper_inner"]).within(self.skin)
        self.canvas.paint(upper, mix(look.lips, look.skin_shade, 0.32), 0.9)
        lower = self._lip(lips["lower_inner"], lips["lower_outer"]).within(self.skin)
        self.canvas.paint(lower, look.lips, 0.88)
        self.canvas.darken(rim(lower, offset=(0, -0.04 * unit), softness=0.04 * unit), "#8a5050", 0.5)
        gloss = lips["lower_inner"] * 0.45 + lips["lower_outer"] * 0.55
        self.canvas.lighten(self.lines([gloss[12:29]], 0.035, 0.018).within(lower), "#ffd8cc", 0.55)
        self._paint_mouth_inside(lips)
        middle = self.lines([lips["upper_inner"]], 0.022, 0.007).within(self.skin)
        self.canvas.paint(middle, mix(look.skin_shade, "#2a0c10", 0.7), 0.85)
        for end in (0, -1):
            x, y = lips["upper_inner"][end]
            self.canvas.darken(self.blob((x, y), (0.03, 0.025), 0.02).within(self.skin), look.skin_shade, 0.6)

    def _paint_mouth_inside(self, lips: dict[str, Points]) -> None:
        opened = self.expression.mouth_open
        if opened < 0.02:
            return
        unit = self.pose.unit
        inside = self._lip(lips["upper_inner"], lips["lower_inner"]).within(self.skin)
        self.canvas.paint(inside, "#2b0d12")
        tongue_y = lips["lower_inner"][MIDDLE, 1] - 0.02
        self.canvas.paint(
            self.blob((0, tongue_y), (0.17, 0.09), 0.03).within(inside), "#a04a4c", 0.85 * min(1, 2 * opened)
        )
        teeth = lips["upper_inner"][5:36]
        across = np.linspace(-1, 1, len(teeth))
        edge = teeth + np.stack([0 * across, 0.115 * (1 - 0.55 * across**2)], axis=1)
        row = self.canvas.shape(self.place(np.concatenate([teeth, edge[::-1]])), soften=0.006 * unit).within(
            inside
        )
        self.canvas.paint(row, "#efe6da")
        self.canvas.darken(rim(row, offset=(0, 0), softness=0.03 * unit), "#8c6a64", 0.5)
        shadow = self.lines([lips["upper_inner"] + np.array([0, 0.012])], 0.04, 0.014).within(inside)
        self.canvas.darken(shadow, "#5a3034", 0.65)

    def _lip_lines(self) -> dict[str, Points]:
        """Return the four lines of the lips from left to right, 41 points each."""
        smile, opened, pucker = self.expression.smile, self.expression.mouth_open, self.expression.pucker
        weight = self.look.lip_weight * (1 + 0.35 * pucker)
        across = np.linspace(-1, 1, 41)
        half_width = 0.345 + 0.10 * smile - 0.13 * pucker - 0.03 * opened
        corner = (0.02 - 0.15 * smile) * np.abs(across) ** 1.8
        bulge = np.clip(1 - across**2, 0, 1)
        seam = 0.014 * np.cos(across * 2.6 * np.pi) * bulge**1.5
        x, base = across * half_width, MOUTH_Y + corner + 0.03 * smile
        upper_inner = base + seam * (1 - min(1.0, 3 * opened)) - 0.03 * opened * bulge
        lower_inner = base + seam * (1 - min(1.0, 3 * opened)) + 0.36 * opened * bulge**0.8
        bow = 1 - 0.20 * np.exp(-((across / 0.17) ** 2))
        upper_outer = upper_inner - 0.112 * weight * (1 - 0.3 * smile) * bulge**1.05 * bow
        lower_outer = lower_inner + 0.155 * weight * (1 - 0.15 * smile) * bulge**0.8
        lines = {
            "upper_inner": upper_inner,
            "lower_inner": lower_inner,
            "upper_outer": upper_outer,
            "lower_outer": lower_outer,
        }
        return {name: np.stack([x, y], axis=1) for name, y in lines.items()}

    def _lip(self, above: Points, below: Points) -> Patch:
        outline = self.place(np.concatenate([above, below[::-1]]), 0.06)
        return self.canvas.shape(outline, soften=0.009 * self.pose.unit)
