"""Paints the eyes and the brows."""

from dataclasses import dataclass

import numpy as np
from sample_canvas import Patch, Points, mix, open_curve, rim
from sample_face_brush import FaceBrush

EYE_X, EYE_Y = 0.42, -0.02
EYE_WIDTH = 0.245


@dataclass(frozen=True, slots=True, kw_only=True)
class EyePainter(FaceBrush):
    """Paints one eye: `side` is -1 for the eye on the left of the picture, 1 for the other."""

    skin: Patch
    side: float

    def paint(self) -> None:
        """Paint socket, eyeball and lids."""
        upper, lower, opened = self._lids()
        socket = self.blob((EYE_X * self.side, EYE_Y - 0.05), (0.31, 0.19), 0.09).within(self.skin)
        self.canvas.darken(socket, mix(self.look.skin_shade, "#ffffff", 0.3), 0.42)
        inner = self.blob((0.20 * self.side, EYE_Y - 0.08), (0.08, 0.14), 0.06).within(self.skin)
        self.canvas.darken(inner, mix(self.look.skin_shade, "#ffffff", 0.2), 0.42)
        lid = self.blob((EYE_X * self.side, EYE_Y - 0.13), (0.17, 0.035), 0.03).within(self.skin)
        self.canvas.lighten(lid, self.look.skin_light, 0.28)
        opening = self._eye_points(np.concatenate([upper, lower[::-1]]))
        ball = self.canvas.shape(self.place(opening), soften=0.004 * self.pose.unit).within(self.skin)
        self._paint_eyeball(ball)
        self._paint_lids(upper, lower, opened)

    def paint_brow(self) -> None:
        """Paint the brow, a soft band with single hairs."""
        raise_y = -0.10 * self.expression.brows
        inner_y = raise_y + 0.05 * max(0.0, -self.expression.brows)
        spine = open_curve(
            [
                (0.15, inner_y - 0.36),
                (0.32, raise_y - 0.425),
                (0.52, raise_y - 0.445),
                (0.74, 0.8 * raise_y - 0.345),
            ]
        )
        share = np.linspace(0, 1, len(spine))
        half = 0.045 * self.look.brow_weight * np.clip(share * 4 + 0.38, 0, 1) * (1 - share**1.6) + 0.004
        offset = np.stack([np.zeros_like(half), half], axis=1)
        band = np.concatenate([spine - offset, (spine + offset)[::-1]]) * np.array([self.side, 1.0])
        patch = self.canvas.shape(self.place(band), soften=0.022 * self.pose.unit)
        self.canvas.paint(patch, mix(self.look.hair_shade, self.look.hair_colour, 0.35), 0.86)
        hairs = []
        for index in range(2, len(spine) - 3, 2):
            foot = spine[index] + offset[index] * 0.8
            tip = spine[index + 2] - offset[index] * 1.05 + np.array([0.02, 0.0])
            hairs.append(np.stack([foot, tip]) * np.array([self.side, 1.0]))
        self.canvas.paint(self.lines(hairs, 0.010, 0.006).within(self.skin), self.look.hair_shade, 0.30)

    def _lids(self) -> tuple[Points, Points, Points]:
        """Return upper lid, lower lid and the open eye's upper lid, in half widths of the eye."""
        across = np.linspace(-1, 1, 25)
        bulge = np.clip(1 - across**2, 0, 1)
        widened = 1 + 0.22 * max(0.0, self.expression.brows)
        squint = 0.35 * self.expression.smile + 0.15 * self.expression.blink
        tilt = -0.10 * across
        opened = -0.66 * widened * bulge**0.75 * (1 + 0.12 * across) + tilt
        lower = 0.40 * bulge**0.9 * (1 - 0.5 * squint) + tilt
        shut = np.clip(self.expression.blink + 0.10 * self.expression.smile, 0, 1)
        upper = opened * (1 - shut) + (lower + 0.03 * bulge) * shut
        upper_lid, lower_lid, opened_lid = (
            np.stack([across, line], axis=1) for line in (upper, lower, opened)
        )
        return upper_lid, lower_lid, opened_lid

    def _paint_eyeball(self, ball: Patch) -> None:
        unit, look, expression = self.pose.unit, self.look, self.expression
        self.canvas.paint(ball, "#f1ebe4")
        centre_x = EYE_X * self.side + 0.09 * expression.gaze_x - 0.012 * self.side
        centre_y = EYE_Y - 0.035 + 0.06 * expression.gaze_y
        corner = rim(ball, offset=(0, 0), softness=0.035 * unit)
        self.canvas.darken(corner, "#a58078", 0.55)
        iris = self.disc(centre_x, centre_y, 0.128).within(ball)
        self.canvas.paint(iris, mix(look.iris, "#0c0808", 0.62))
        self.canvas.paint(self.disc(centre_x, centre_y, 0.108, 0.012).within(ball), look.iris)
        glow = self.disc(centre_x - 0.01, centre_y + 0.05, 0.062, 0.022).within(ball)
        self.canvas.lighten(glow, mix(look.iris, "#ffe9b0", 0.5), 0.7)
        self.canvas.paint(self.disc(centre_x, centre_y, 0.056, 0.006).within(ball), "#0d0a0c")
        upper, _, _ = self._lids()
        lid_shadow = self._eye_points(upper + np.array([0.0, 0.12]))
        self.canvas.darken(self.lines([lid_shadow], 0.075, 0.02).within(ball), "#4a3038", 0.60)
        light = self.pose.light_x
        self.canvas.paint(
            self.disc(centre_x + 0.045 * light, centre_y - 0.05, 0.031, 0.004).within(ball), "#ffffff"
        )
        second = self.disc(centre_x - 0.045 * light, centre_y + 0.055, 0.017, 0.006).within(ball)
        self.canvas.paint(second, "#ffffff", 0.55)

    def _paint_lids(self, upper: Points, lower: Points, opened: Points) -> None:
        dark = mix(self.look.hair_shade, "#120a0c", 0.5)
        shut = self.expression.blink
        under = self.lines([self._eye_points(lower)], 0.018, 0.008).within(self.skin)
        self.canvas.darken(under, self.look.skin_shade, 0.55)
        bag = self.lines([self._eye_points(lower + np.array([0, 0.24]))[5:-5]], 0.03, 0.03).within(self.skin)
        self.canvas.darken(bag, self.look.skin_shade, 0.22)
        crease_line = opened * np.array([1.02, 1.0]) + np.array([0.0, -0.27 + 0.20 * shut])
        crease = self.lines([self._eye_points(crease_line)[2:-1]], 0.022, 0.01).within(self.skin)
        self.canvas.darken(crease, self.look.skin_shade, 0.62)
        weight = 0.085 * self.look.lash_weight
        wing = np.array([[1.13, upper[-1, 1] - 0.10 + 0.12 * shut]])
        top = np.concatenate([upper, wing])
        share = np.linspace(0, 1, len(top))
        thickness = weight * (0.35 + 1.3 * share) * np.clip((1 - share) * 9, 0, 1)
        lash = np.concatenate([top, (top - np.stack([0 * share, thickness * 1.6], axis=1))[::-1]])
        shape = self.canvas.shape(self.place(self._eye_points(lash)), soften=0.006 * self.pose.unit)
        self.canvas.paint(shape, dark, 0.94)
        self.canvas.paint(self.lines([self._eye_points(upper)], 0.022, 0.004), dark, 0.85)

    def _eye_points(self, points: Points) -> Points:
        """Place points given in units of the eye's half width; x grows away from the nose."""
        half = EYE_WIDTH * self.look.eye_size
        placed = points * np.array([half * self.side, half]) + np.array([EYE_X * self.side, EYE_Y])
        return np.asarray(placed, np.float64)
