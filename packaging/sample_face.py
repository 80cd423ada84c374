"""Paints a face: skin and its modelling, eyes, brows, nose, mouth."""

from dataclasses import dataclass

import numpy as np
from sample_canvas import Canvas, Patch, Points, closed_curve, ellipse, mix, open_curve, rim
from sample_people import Expression, Look, Pose

EYE_X, EYE_Y = 0.42, -0.02
EYE_WIDTH = 0.245
MOUTH_Y = 0.83


@dataclass(frozen=True, slots=True, kw_only=True)
class FacePainter:
    """Paints one face of one person on a canvas."""

    canvas: Canvas
    look: Look
    pose: Pose
    expression: Expression

    def paint(self) -> Patch:
        """Paint the face without hair and return the area of its skin."""
        skin = self._paint_skin()
        self._paint_cheeks(skin)
        for side in (-1.0, 1.0):
            self._paint_eye(side, skin)
        self._paint_nose(skin)
        self._paint_mouth(skin)
        for side in (-1.0, 1.0):
            self._paint_brow(side, skin)
        return skin

    def _paint_skin(self) -> Patch:
        unit, light = self.pose.unit, self.pose.light_x
        skin = self.canvas.shape(self._outline())
        self.canvas.paint(skin, self.look.skin)
        lit = self._blob((0.34 * light, -0.35), (0.75, 0.9), 0.4).within(skin)
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
            (0.0, -1.42), (0.5, -1.34), (0.86, -1.0), (0.99, -0.45), (0.985, 0.05), (0.92, 0.48),
            (0.5 + 0.32 * jaw, 0.82 + 0.4 * drop), (0.57 * jaw, 1.16 + 0.9 * drop), (0.27 * jaw**1.6, 1.38 + drop),
        ]  # fmt: skip
        chin = (0.0, 1.42 + drop)
        points = [*half, chin, *((-x, y) for x, y in reversed(half[1:]))]
        curve = closed_curve(points)
        depth = 0.05 + 0.6 * np.clip((curve[:, 1] - 0.2) / 1.2, 0, 1) * (1 - np.abs(curve[:, 0]))
        return self.pose.flat(curve, depth)

    def _stubble(self) -> Patch:
        drop = 0.17 * self.expression.mouth_open
        points = [
            (-1.0, 0.35), (-0.72, 0.62), (-0.5, 0.62), (-0.2, 0.58), (0, 0.6), (0.2, 0.58), (0.5, 0.62), (0.72, 0.62),
            (1.0, 0.35), (0.95, 0.9), (0.6, 1.35 + drop), (0, 1.55 + drop), (-0.6, 1.35 + drop), (-0.95, 0.9),
        ]  # fmt: skip
        return self.canvas.shape(self.pose.surface(closed_curve(points)), soften=0.07 * self.pose.unit)

    def _paint_cheeks(self, skin: Patch) -> None:
        lift = 0.07 * self.expression.smile
        for side in (-1.0, 1.0):
            cheek = self._blob((0.58 * side, 0.45 - lift), (0.26, 0.19), 0.11).within(skin)
            self.canvas.paint(cheek, self.look.blush, 0.30 + 0.12 * self.expression.smile)
            shine = self._blob((0.56 * side, 0.30 - lift), (0.15, 0.08), 0.07).within(skin)
            self.canvas.lighten(shine, self.look.skin_light, 0.34)
            fold = open_curve([(0.26 * side, 0.46), (0.40 * side, 0.62), (0.50 * side, 0.80)])
            crease = self._lines([fold], 0.04, 0.03).within(skin)
            self.canvas.darken(crease, self.look.skin_shade, 0.10 + 0.28 * self.expression.smile)
        forehead = self._blob((0.1 * self.pose.light_x, -0.82), (0.36, 0.16), 0.12).within(skin)
        self.canvas.lighten(forehead, self.look.skin_light, 0.30)
        chin = self._blob((0, 1.2 + 0.15 * self.expression.mouth_open), (0.14, 0.08), 0.06).within(skin)
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
            dots.append(self._place(ellipse((x, y), (size, size * 0.9))))
        for dot in dots:
            self.canvas.darken(self.canvas.shape(dot, soften=0.006 * self.pose.unit).within(skin), "#b5765a", 0.55)

    def _paint_eye(self, side: float, skin: Patch) -> None:
        upper, lower, opened = self._lids()
        socket = self._blob((EYE_X * side, EYE_Y - 0.05), (0.31, 0.19), 0.09).within(skin)
        self.canvas.darken(socket, mix(self.look.skin_shade, "#ffffff", 0.3), 0.42)
        inner = self._blob((0.20 * side, EYE_Y - 0.08), (0.08, 0.14), 0.06).within(skin)
        self.canvas.darken(inner, mix(self.look.skin_shade, "#ffffff", 0.2), 0.42)
        lid = self._blob((EYE_X * side, EYE_Y - 0.13), (0.17, 0.035), 0.03).within(skin)
        self.canvas.lighten(lid, self.look.skin_light, 0.28)
        opening = self._eye_points(np.concatenate([upper, lower[::-1]]), side)
        ball = self.canvas.shape(self._place(opening), soften=0.004 * self.pose.unit).within(skin)
        self._paint_eyeball(ball, side)
        self._paint_lids(side, upper, lower, opened, skin)

    def _lids(self) -> tuple[Points, Points, Points]:
        """Return the upper lid, the lower lid and the upper lid of the open eye, in units of the eye's half width."""
        across = np.linspace(-1, 1, 25)
        bulge = np.clip(1 - across**2, 0, 1)
        widened = 1 + 0.22 * max(0.0, self.expression.brows)
        squint = 0.35 * self.expression.smile + 0.15 * self.expression.blink
        tilt = -0.10 * across
        opened = -0.66 * widened * bulge**0.75 * (1 + 0.12 * across) + tilt
        lower = 0.40 * bulge**0.9 * (1 - 0.5 * squint) + tilt
        shut = np.clip(self.expression.blink + 0.10 * self.expression.smile, 0, 1)
        upper = opened * (1 - shut) + (lower + 0.03 * bulge) * shut
        return tuple(np.stack([across, line], axis=1) for line in (upper, lower, opened))  # type: ignore[return-value]

    def _paint_eyeball(self, ball: Patch, side: float) -> None:
        unit, look, expression = self.pose.unit, self.look, self.expression
        self.canvas.paint(ball, "#f1ebe4")
        centre_x = EYE_X * side + 0.09 * expression.gaze_x - 0.012 * side
        centre_y = EYE_Y - 0.035 + 0.06 * expression.gaze_y
        corner = rim(ball, offset=(0, 0), softness=0.035 * unit)
        self.canvas.darken(corner, "#a58078", 0.55)
        iris = self._disc(centre_x, centre_y, 0.128).within(ball)
        self.canvas.paint(iris, mix(look.iris, "#0c0808", 0.62))
        self.canvas.paint(self._disc(centre_x, centre_y, 0.108, 0.012).within(ball), look.iris)
        glow = self._disc(centre_x - 0.01, centre_y + 0.05, 0.062, 0.022).within(ball)
        self.canvas.lighten(glow, mix(look.iris, "#ffe9b0", 0.5), 0.7)
        self.canvas.paint(self._disc(centre_x, centre_y, 0.056, 0.006).within(ball), "#0d0a0c")
        upper, _, _ = self._lids()
        lid_shadow = self._eye_points(upper + np.array([0.0, 0.12]), side)
        self.canvas.darken(self._lines([lid_shadow], 0.075, 0.02).within(ball), "#4a3038", 0.60)
        light = self.pose.light_x
        self.canvas.paint(self._disc(centre_x + 0.045 * light, centre_y - 0.05, 0.031, 0.004).within(ball), "#ffffff")
        second = self._disc(centre_x - 0.045 * light, centre_y + 0.055, 0.017, 0.006).within(ball)
        self.canvas.paint(second, "#ffffff", 0.55)

    def _paint_lids(self, side: float, upper: Points, lower: Points, opened: Points, skin: Patch) -> None:
        dark = mix(self.look.hair_shade, "#120a0c", 0.5)
        shut = self.expression.blink
        under = self._lines([self._eye_points(lower, side)], 0.018, 0.008).within(skin)
        self.canvas.darken(under, self.look.skin_shade, 0.55)
        bag = self._lines([self._eye_points(lower + np.array([0, 0.24]), side)[5:-5]], 0.03, 0.03).within(skin)
        self.canvas.darken(bag, self.look.skin_shade, 0.22)
        crease_line = opened * np.array([1.02, 1.0]) + np.array([0.0, -0.27 + 0.20 * shut])
        crease = self._lines([self._eye_points(crease_line, side)[2:-1]], 0.022, 0.01).within(skin)
        self.canvas.darken(crease, self.look.skin_shade, 0.62)
        weight = 0.085 * self.look.lash_weight
        wing = np.array([[1.13, upper[-1, 1] - 0.10 + 0.12 * shut]])
        top = np.concatenate([upper, wing])
        share = np.linspace(0, 1, len(top))
        thickness = weight * (0.35 + 1.3 * share) * np.clip((1 - share) * 9, 0, 1)
        lash = np.concatenate([top, (top - np.stack([0 * share, thickness * 1.6], axis=1))[::-1]])
        shape = self.canvas.shape(self._place(self._eye_points(lash, side)), soften=0.006 * self.pose.unit)
        self.canvas.paint(shape, dark, 0.94)
        self.canvas.paint(self._lines([self._eye_points(upper, side)], 0.022, 0.004), dark, 0.85)

    def _eye_points(self, points: Points, side: float) -> Points:
        """Place points given in units of the eye's half width; x grows away from the nose."""
        half = EYE_WIDTH * self.look.eye_size
        return points * np.array([half * side, half]) + np.array([EYE_X * side, EYE_Y])

    def _paint_brow(self, side: float, skin: Patch) -> None:
        raise_y = -0.10 * self.expression.brows
        inner_y = raise_y + 0.05 * max(0.0, -self.expression.brows)
        spine = open_curve(
            [(0.15, -0.36 + inner_y), (0.32, -0.425 + raise_y), (0.52, -0.445 + raise_y), (0.74, -0.345 + 0.8 * raise_y)]
        )
        share = np.linspace(0, 1, len(spine))
        half = 0.045 * self.look.brow_weight * np.clip(share * 6 + 0.55, 0, 1) * (1 - share**1.6) + 0.004
        offset = np.stack([np.zeros_like(half), half], axis=1)
        band = np.concatenate([spine - offset, (spine + offset)[::-1]]) * np.array([side, 1.0])
        patch = self.canvas.shape(self._place(band), soften=0.022 * self.pose.unit)
        self.canvas.paint(patch, mix(self.look.hair_shade, self.look.hair_colour, 0.35), 0.86)
        hairs = []
        for index in range(2, len(spine) - 3, 2):
            foot = spine[index] + offset[index] * 0.8
            tip = spine[index + 2] - offset[index] * 1.05 + np.array([0.02, 0.0])
            hairs.append(np.stack([foot, tip]) * np.array([side, 1.0]))
        self.canvas.paint(self._lines(hairs, 0.010, 0.006).within(skin), self.look.hair_shade, 0.30)

    def _paint_nose(self, skin: Patch) -> None:
        unit, look, light = self.pose.unit, self.look, self.pose.light_x
        far = -light
        flank = closed_curve([(0.09 * far, -0.28), (0.07 * far, 0.1), (0.10 * far, 0.36), (0.25 * far, 0.50),
                              (0.27 * far, 0.30), (0.19 * far, 0.0), (0.17 * far, -0.25)])  # fmt: skip
        shade = self.canvas.shape(self.pose.surface(flank, 0.10), soften=0.045 * unit).within(skin)
        self.canvas.darken(shade, mix(look.skin_shade, "#ffffff", 0.25), 0.55)
        self.canvas.darken(self._blob((0.03 * far, 0.60), (0.20, 0.05), 0.035).within(skin), look.skin_shade, 0.40)
        bridge = closed_curve([(-0.045, -0.25), (0.045, -0.25), (0.05, 0.2), (0.0, 0.3), (-0.05, 0.2)])
        bridge += np.array([0.02 * light, 0.0])
        ridge = self.canvas.shape(self.pose.surface(bridge, 0.2), soften=0.035 * unit).within(skin)
        self.canvas.lighten(ridge, look.skin_light, 0.45)
        tip = self._blob((0.02 * light, 0.38), (0.10, 0.075), 0.04, lift=0.32).within(skin)
        self.canvas.lighten(tip, look.skin_light, 0.50)
        flare = 1 + 0.08 * self.expression.smile
        for side in (-1.0, 1.0):
            wing = open_curve([(0.17 * side, 0.33), (0.225 * side * flare, 0.42), (0.20 * side * flare, 0.50), (0.14 * side, 0.515)])
            curve = self.canvas.strokes([self.pose.surface(wing, 0.16)], thickness=0.03 * unit, soften=0.016 * unit)
            self.canvas.darken(curve.within(skin), look.skin_shade, 0.62)
            hole = self.pose.surface(ellipse((0.095 * side, 0.50), (0.062, 0.026), turn=-0.25 * side), 0.22)
            self.canvas.darken(self.canvas.shape(hole, soften=0.012 * unit).within(skin), mix(look.skin_shade, "#200808", 0.6), 0.85)
        base = open_curve([(-0.08, 0.525), (0.0, 0.55), (0.08, 0.525)])
        line = self.canvas.strokes([self.pose.surface(base, 0.22)], thickness=0.025 * unit, soften=0.014 * unit)
        self.canvas.darken(line.within(skin), look.skin_shade, 0.5)

    def _paint_mouth(self, skin: Patch) -> None:
        unit, look = self.pose.unit, self.look
        lips = self._lip_lines()
        philtrum = self._blob((0, MOUTH_Y - 0.18), (0.035, 0.05), 0.02).within(skin)
        self.canvas.darken(philtrum, look.skin_shade, 0.16)
        below = self._blob((0, lips["lower_outer"][20, 1] + 0.05), (0.20, 0.035), 0.035).within(skin)
        self.canvas.darken(below, look.skin_shade, 0.45)
        upper = self._lip(lips["upper_outer"], lips["upper_inner"]).within(skin)
        self.canvas.paint(upper, mix(look.lips, look.skin_shade, 0.32), 0.9)
        lower = self._lip(lips["lower_inner"], lips["lower_outer"]).within(skin)
        self.canvas.paint(lower, look.lips, 0.88)
        self.canvas.darken(rim(lower, offset=(0, -0.04 * unit), softness=0.04 * unit), "#8a5050", 0.5)
        gloss = lips["lower_inner"] * 0.45 + lips["lower_outer"] * 0.55
        self.canvas.lighten(self._lines([gloss[12:29]], 0.035, 0.018).within(lower), "#ffd8cc", 0.55)
        self._paint_mouth_inside(lips, skin)
        middle = self._lines([lips["upper_inner"]], 0.022, 0.007).within(skin)
        self.canvas.paint(middle, mix(look.skin_shade, "#2a0c10", 0.7), 0.85)
        for end in (0, -1):
            x, y = lips["upper_inner"][end]
            self.canvas.darken(self._blob((x, y), (0.03, 0.025), 0.02).within(skin), look.skin_shade, 0.6)

    def _paint_mouth_inside(self, lips: dict[str, Points], skin: Patch) -> None:
        opened = self.expression.mouth_open
        if opened < 0.02:
            return
        unit = self.pose.unit
        inside = self._lip(lips["upper_inner"], lips["lower_inner"]).within(skin)
        self.canvas.paint(inside, "#2b0d12")
        tongue_y = lips["lower_inner"][20, 1] - 0.02
        self.canvas.paint(self._blob((0, tongue_y), (0.17, 0.09), 0.03).within(inside), "#a04a4c", 0.85 * min(1, 2 * opened))
        teeth = lips["upper_inner"][5:36]
        across = np.linspace(-1, 1, len(teeth))
        edge = teeth + np.stack([0 * across, 0.115 * (1 - 0.55 * across**2)], axis=1)
        row = self.canvas.shape(self._place(np.concatenate([teeth, edge[::-1]])), soften=0.006 * unit).within(inside)
        self.canvas.paint(row, "#efe6da")
        self.canvas.darken(rim(row, offset=(0, 0), softness=0.03 * unit), "#8c6a64", 0.5)
        shadow = self._lines([lips["upper_inner"] + np.array([0, 0.012])], 0.04, 0.014).within(inside)
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
        lines = {"upper_inner": upper_inner, "lower_inner": lower_inner, "upper_outer": upper_outer, "lower_outer": lower_outer}
        return {name: np.stack([x, y], axis=1) for name, y in lines.items()}

    def _lip(self, above: Points, below: Points) -> Patch:
        outline = self._place(np.concatenate([above, below[::-1]]), 0.06)
        return self.canvas.shape(outline, soften=0.009 * self.pose.unit)

    def _blob(self, centre: tuple[float, float], radii: tuple[float, float], soften: float, lift: float = 0.0) -> Patch:
        outline = self.pose.surface(ellipse(centre, radii), lift)
        return self.canvas.shape(outline, soften=soften * self.pose.unit)

    def _disc(self, x: float, y: float, radius: float, soften: float = 0.003) -> Patch:
        round_points = ellipse((x, y), (radius * self.look.eye_size, radius * self.look.eye_size))
        return self.canvas.shape(self._place(round_points), soften=soften * self.pose.unit)

    def _lines(self, lines: list[Points], thickness: float, soften: float) -> Patch:
        unit = self.pose.unit
        placed = [self._place(line) for line in lines]
        return self.canvas.strokes(placed, thickness=thickness * unit, soften=soften * unit)

    def _place(self, points: Points, lift: float = 0.0) -> Points:
        return self.pose.surface(points, lift)
