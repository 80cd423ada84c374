"""Paints a face: skin and its modelling, cheeks and nose, then eyes, mouth and brows."""

from dataclasses import dataclass

import numpy as np
from sample_canvas import Patch, Points, closed_curve, ellipse, mix, open_curve, rim
from sample_eyes import EyePainter
from sample_face_brush import FaceBrush
from sample_mouth import MouthPainter


@dataclass(frozen=True, slots=True, kw_only=True)
class FacePainter(FaceBrush):
    """Paints one face of one person on a canvas."""

    def paint(self) -> Patch:
        """Paint the face without hair and return the area of its skin."""
        skin = self._paint_skin()
        self._paint_cheeks(skin)
        for side in (-1.0, 1.0):
            self._eye(skin, side).paint()
        self._paint_nose(skin)
        MouthPainter(
            canvas=self.canvas, look=self.look, pose=self.pose, expression=self.expression, skin=skin
        ).paint()
        for side in (-1.0, 1.0):
            self._eye(skin, side).paint_brow()
        return skin

    def _eye(self, skin: Patch, side: float) -> EyePainter:
        return EyePainter(
            canvas=self.canvas,
            look=self.look,
            pose=self.pose,
            expression=self.expression,
            skin=skin,
            side=side,
        )

    def _paint_skin(self) -> Patch:
        unit, light = self.pose.unit, self.pose.light_x
        skin = self.canvas.shape(self._outline())
        self.canvas.paint(skin, self.look.skin)
        lit = self.blob((0.34 * light, -0.35), (0.75, 0.9), 0.4).within(skin)
        self.canvas.lighten(lit, self.look.skin_light, 0.42)
        away = rim(skin, offset=(0.34 * light * unit, -0.12 * unit), softness=0.24 * unit)
        self.canvas.darken(away, mix(self.look.skin_shade, "#ffffff", 0.25), 0.78)
        edge = rim(skin, offset=(0, -0.05 * unit), softness=0.14 * unit)
        self.canvas.darken(edge, mix(self.look.skin_shade, "#ffffff", 0.35), 0.6)
        if self.look.stubble:
            self.canvas.darken(self._stubble().within(skin), mix(self.look.hair_shade, "#ffffff", 0.35), 0.34)
        rim_light = rim(skin, offset=(0.05 * light * unit, 0), softness=0.03 * unit)
        self.canvas.lighten(rim_light, "#6f86b8", 0.35)
        return skin

    def _outline(self) -> Points:
        jaw, drop = self.look.jaw, 0.17 * self.expression.mouth_open
        half = [
            (0.0, -1.42), (0.5, -1.34), (0.86, -1.0), (0.99, -0.45), (0.985, 0.05),
            (0.92, 0.48), (0.5 + 0.32 * jaw, 0.82 + 0.4 * drop), (0.57 * jaw, 1.16 + 0.9 * drop),
            (0.27 * jaw**1.6, 1.38 + drop),
        ]  # fmt: skip
        chin = (0.0, 1.42 + drop)
        points = [*half, chin, *((-x, y) for x, y in reversed(half[1:]))]
        curve = closed_curve(points)
        depth = 0.05 + 0.6 * np.clip((curve[:, 1] - 0.2) / 1.2, 0, 1) * (1 - np.abs(curve[:, 0]))
        return self.pose.flat(curve, depth)

    def _stubble(self) -> Patch:
        drop = 0.17 * self.expression.mouth_open
        points = [
            (-1.0, 0.35), (-0.72, 0.62), (-0.5, 0.62), (-0.2, 0.58), (0, 0.6), (0.2, 0.58), (0.5, 0.62),
            (0.72, 0.62), (1.0, 0.35), (0.95, 0.9), (0.6, 1.35 + drop), (0, 1.55 + drop), (-0.6, 1.35 + drop),
            (-0.95, 0.9),
        ]  # fmt: skip
        return self.canvas.shape(self.pose.surface(closed_curve(points)), soften=0.07 * self.pose.unit)

    def _paint_cheeks(self, skin: Patch) -> None:
        lift = 0.07 * self.expression.smile
        for side in (-1.0, 1.0):
            cheek = self.blob((0.58 * side, 0.45 - lift), (0.26, 0.19), 0.11).within(skin)
            self.canvas.paint(cheek, self.look.blush, 0.30 + 0.12 * self.expression.smile)
            shine = self.blob((0.56 * side, 0.30 - lift), (0.15, 0.08), 0.07).within(skin)
            self.canvas.lighten(shine, self.look.skin_light, 0.34)
            fold = open_curve([(0.26 * side, 0.46), (0.40 * side, 0.62), (0.50 * side, 0.80)])
            crease = self.lines([fold], 0.04, 0.03).within(skin)
            self.canvas.darken(crease, self.look.skin_shade, 0.10 + 0.28 * self.expression.smile)
        forehead = self.blob((0.1 * self.pose.light_x, -0.82), (0.36, 0.16), 0.12).within(skin)
        self.canvas.lighten(forehead, self.look.skin_light, 0.30)
        chin = self.blob((0, 1.2 + 0.15 * self.expression.mouth_open), (0.14, 0.08), 0.06).within(skin)
        self.canvas.lighten(chin, self.look.skin_light, 0.26)
        if self.look.freckles:
            self._paint_freckles(skin)

    def _paint_freckles(self, skin: Patch) -> None:
        spots = np.random.RandomState(11)
        dots = []
        for _ in range(46):
            x = spots.uniform(-0.78, 0.78)
            y = 0.36 + spots.normal(0, 0.11) - 0.08 * (1 - abs(x))
            size = spots.uniform(0.010, 0.021)
            dots.append(self.place(ellipse((x, y), (size, size * 0.9))))
        for dot in dots:
            self.canvas.darken(
                self.canvas.shape(dot, soften=0.006 * self.pose.unit).within(skin), "#b5765a", 0.55
            )

    def _paint_nose(self, skin: Patch) -> None:
        unit, look, light = self.pose.unit, self.look, self.pose.light_x
        far = -light
        flank = closed_curve([(0.09 * far, -0.28), (0.07 * far, 0.1), (0.10 * far, 0.36), (0.25 * far, 0.50),
                              (0.27 * far, 0.30), (0.19 * far, 0.0), (0.17 * far, -0.25)])  # fmt: skip
        shade = self.canvas.shape(self.pose.surface(flank, 0.10), soften=0.045 * unit).within(skin)
        self.canvas.darken(shade, mix(look.skin_shade, "#ffffff", 0.25), 0.55)
        self.canvas.darken(
            self.blob((0.03 * far, 0.60), (0.20, 0.05), 0.035).within(skin), look.skin_shade, 0.40
        )
        bridge = closed_curve([(-0.045, -0.25), (0.045, -0.25), (0.05, 0.2), (0.0, 0.3), (-0.05, 0.2)])
        bridge += np.array([0.02 * light, 0.0])
        ridge = self.canvas.shape(self.pose.surface(bridge, 0.2), soften=0.035 * unit).within(skin)
        self.canvas.lighten(ridge, look.skin_light, 0.45)
        tip = self.blob((0.02 * light, 0.38), (0.10, 0.075), 0.04, lift=0.32).within(skin)
        self.canvas.lighten(tip, look.skin_light, 0.50)
        for side in (-1.0, 1.0):
            self._paint_nostril(side, skin)
        base = open_curve([(-0.08, 0.525), (0.0, 0.55), (0.08, 0.525)])
        line = self.canvas.strokes(
            [self.pose.surface(base, 0.22)], thickness=0.025 * unit, soften=0.014 * unit
        )
        self.canvas.darken(line.within(skin), look.skin_shade, 0.5)

    def _paint_nostril(self, side: float, skin: Patch) -> None:
        unit, look = self.pose.unit, self.look
        flare = 1 + 0.08 * self.expression.smile
        wing = open_curve([(0.17, 0.33), (0.225 * flare, 0.42), (0.20 * flare, 0.50), (0.14, 0.515)])
        wing *= np.array([side, 1.0])
        curve = self.canvas.strokes(
            [self.pose.surface(wing, 0.16)], thickness=0.03 * unit, soften=0.016 * unit
        )
        self.canvas.darken(curve.within(skin), look.skin_shade, 0.62)
        hole = self.pose.surface(ellipse((0.095 * side, 0.50), (0.062, 0.026), turn=-0.25 * side), 0.22)
        self.canvas.darken(
            self.canvas.shape(hole, soften=0.012 * unit).within(skin),
            mix(look.skin_shade, "#200808", 0.6),
            0.85,
        )
