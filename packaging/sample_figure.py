"""Paints a whole person: clothes, neck, ears and hair around the face."""

from dataclasses import dataclass, replace

import numpy as np
from sample_canvas import Canvas, Patch, Points, closed_curve, ellipse, mix, open_curve, rim
from sample_face import FacePainter
from sample_hair import HairPainter
from sample_people import Expression, Hair, Look, Pose


@dataclass(frozen=True, slots=True, kw_only=True)
class FigurePainter:
    """Paints one person, head and shoulders."""

    canvas: Canvas
    look: Look
    pose: Pose
    expression: Expression

    def paint(self) -> None:
        """Paint the person over what is on the canvas, from back to front."""
        hair = HairPainter(canvas=self.canvas, look=self.look, pose=self.pose)
        hair.paint_behind()
        self._paint_neck()
        self._paint_clothes()
        if self.look.hair is not Hair.BOB:
            self._paint_ears()
        face = FacePainter(canvas=self.canvas, look=self.look, pose=self.pose, expression=self.expression)
        skin = face.paint()
        hair.paint_in_front(skin)
        if self.look.earrings:
            self._paint_earrings()

    def _body(self, points: Points) -> Points:
        """Place points of the body, which follows the head only a little."""
        still = replace(self.pose, yaw=0.25 * self.pose.yaw, pitch=0.0, roll=0.15 * self.pose.roll)
        return still.flat(points, 0.0)

    def _paint_neck(self) -> None:
        unit, width = self.pose.unit, 0.50 * self.look.jaw
        head = self.pose.flat(np.array([[0.0, 0.6]]), 0.0)[0] - self._body(np.array([[0.0, 0.6]]))[0]
        outline = closed_curve([(-width, 0.6), (-width * 0.98, 1.5), (-width * 1.25, 2.0), (-0.9, 2.35),
                                (0, 2.75), (0.9, 2.35), (width * 1.25, 2.0), (width * 0.98, 1.5),
                                (width, 0.6)])  # fmt: skip
        follow = np.clip((1.8 - outline[:, 1]) / 1.2, 0, 1)[:, None]
        neck = self.canvas.shape(self._body(outline) + follow * head)
        self.canvas.paint(neck, mix(self.look.skin, self.look.skin_shade, 0.22))
        away = rim(neck, offset=(0.3 * self.pose.light_x * unit, 0), softness=0.18 * unit)
        self.canvas.darken(away, mix(self.look.skin_shade, "#ffffff", 0.2), 0.7)
        drop = 0.17 * self.expression.mouth_open
        chin = closed_curve(
            [(-0.95, 0.5), (0.95, 0.5), (0.75, 1.35 + drop), (0.0, 1.72 + drop), (-0.75, 1.35 + drop)]
        )
        shadow = self.canvas.shape(self.pose.flat(chin, 0.1), soften=0.10 * unit).within(neck)
        self.canvas.darken(shadow, mix(self.look.skin_shade, "#3a1a2a", 0.35), 0.8)
        for side in (-1.0, 1.0):
            bone = self._body(open_curve([(0.12 * side, 2.36), (0.45 * side, 2.24), (0.95 * side, 2.16)]))
            line = self.canvas.strokes([bone], thickness=0.05 * unit, soften=0.035 * unit).within(neck)
            self.canvas.darken(line, self.look.skin_shade, 0.4)

    def _paint_clothes(self) -> None:
        unit, look, wide = self.pose.unit, self.look, self.look.shoulders
        left = [
            (-0.62, 1.92),
            (-1.05, 2.10),
            (-wide * 0.78, 2.34),
            (-wide, 2.75),
            (-wide * 1.12, 3.6),
            (-wide * 1.2, 5.2),
            (-wide * 1.2, 7.0),
        ]
        right = [(-x, y) for x, y in reversed(left)]
        neckline = [
            (0.55, 2.22),
            (0.30, 2.52),
            (0.0, 2.62 if not look.collar else 2.75),
            (-0.30, 2.52),
            (-0.55, 2.22),
        ]
        outline = np.concatenate([open_curve(left), open_curve(right), open_curve(neckline)])
        clothes = self.canvas.shape(self._body(outline))
        top, bottom = self._body(np.array([[0.0, 2.0], [0.0, 5.0]]))
        self.canvas.blend(
            clothes, (look.clothes, mix(look.clothes, look.clothes_shade, 0.7)), top.tolist(), bottom.tolist()
        )
        away = rim(clothes, offset=(0.5 * self.pose.light_x * unit, 0.1 * unit), softness=0.35 * unit)
        self.canvas.darken(away, mix(look.clothes_shade, "#ffffff", 0.2), 0.75)
        lit = rim(clothes, offset=(-0.22 * self.pose.light_x * unit, 0.2 * unit), softness=0.16 * unit)
        self.canvas.lighten(lit, look.clothes_light, 0.35)
        self._paint_folds(clothes)
        if look.collar:
            self._paint_collar(clothes)
        else:
            edge = self._body(open_curve([(0.64, 1.94), *neckline, (-0.64, 1.94)]))
            self.canvas.paint(
                self.canvas.strokes([edge], thickness=0.10 * unit, soften=0.01 * unit),
                look.clothes_shade,
                0.75,
            )
            upper = self.canvas.strokes(
                [edge - np.array([0, 0.02 * unit])], thickness=0.05 * unit, soften=0.01 * unit
            )
            self.canvas.paint(upper, look.clothes_light, 0.55)

    def _paint_folds(self, clothes: Patch) -> None:
        unit, wide = self.pose.unit, self.look.shoulders
        lines = []
        for side in (-1.0, 1.0):
            lines += [
                [(wide * 0.72 * side, 2.9), (wide * 0.70 * side, 3.6), (wide * 0.76 * side, 4.6)],
                [(wide * 0.55 * side, 2.6), (0.62 * side, 2.9), (0.35 * side, 3.4)],
                [(wide * 0.66 * side, 3.2), (0.95 * side, 3.7), (0.55 * side, 4.6)],
            ]
        folds = [self._body(open_curve(line)) for line in lines]
        self.canvas.darken(
            self.canvas.strokes(folds, thickness=0.10 * unit, soften=0.11 * unit).within(clothes),
            self.look.clothes_shade,
            0.38,
        )
        beside = [fold + np.array([0.1 * unit, -0.06 * unit]) for fold in folds]
        self.canvas.lighten(
            self.canvas.strokes(beside, thickness=0.06 * unit, soften=0.06 * unit).within(clothes),
            self.look.clothes_light,
            0.20,
        )

    def _paint_collar(self, clothes: Patch) -> None:
        unit, look = self.pose.unit, self.look
        placket = self._body(open_curve([(0.0, 2.75), (0.01, 3.6), (0.0, 6.0)]))
        self.canvas.darken(
            self.canvas.strokes([placket], thickness=0.05 * unit, soften=0.02 * unit).within(clothes),
            look.clothes_shade,
            0.8,
        )
        for y in (3.15, 3.85, 4.55):
            button = self._body(ellipse((0.10, y), (0.05, 0.05)))
            self.canvas.paint(
                self.canvas.shape(button, soften=0.01 * unit), mix(look.clothes_light, "#ffffff", 0.4), 0.9
            )
        for side in (-1.0, 1.0):
            flap = [
                (0.60 * side, 1.80),
                (0.72 * side, 2.05),
                (0.66 * side, 2.62),
                (0.36 * side, 2.98),
                (0.02 * side, 2.72),
                (0.34 * side, 2.38),
            ]
            points = self._body(np.concatenate([open_curve(flap[:3]), np.array(flap[3:])]))
            shadow = self.canvas.shape(points + np.array([0.02, 0.10]) * unit, soften=0.06 * unit).within(
                clothes
            )
            self.canvas.darken(shadow, look.clothes_shade, 0.7)
            shape = self.canvas.shape(points, soften=0.008 * unit)
            lit = 0.18 if side == self.pose.light_x else 0.0
            self.canvas.paint(shape, mix(look.clothes, look.clothes_light, 0.22 + lit))
            self.canvas.darken(
                rim(shape, offset=(0, -0.08 * unit), softness=0.08 * unit), look.clothes_shade, 0.45
            )

    def _paint_ears(self) -> None:
        unit, look = self.pose.unit, self.look
        for side in (-1.0, 1.0):
            outline = closed_curve(
                [
                    (0.93 * side, -0.12),
                    (1.08 * side, -0.20),
                    (1.17 * side, -0.06),
                    (1.12 * side, 0.24),
                    (1.02 * side, 0.42),
                    (0.92 * side, 0.36),
                ]
            )
            ear = self.canvas.shape(self.pose.flat(outline, -0.12))
            lit = side == self.pose.light_x
            self.canvas.paint(ear, look.skin if lit else mix(look.skin, look.skin_shade, 0.45))
            self.canvas.darken(
                rim(ear, offset=(-0.03 * side * unit, 0), softness=0.05 * unit), look.skin_shade, 0.5
            )
            inner = open_curve(
                [(1.0 * side, -0.08), (1.09 * side, -0.08), (1.08 * side, 0.1), (1.0 * side, 0.24)]
            )
            line = self.canvas.strokes(
                [self.pose.flat(inner, -0.12)], thickness=0.04 * unit, soften=0.02 * unit
            ).within(ear)
            self.canvas.darken(line, look.skin_shade, 0.7)

    def _paint_earrings(self) -> None:
        unit = self.pose.unit
        for side in (-1.0, 1.0):
            drop = self.canvas.shape(
                self.pose.flat(ellipse((0.97 * side, 0.74), (0.055, 0.075)), 0.05), soften=0.008 * unit
            )
            self.canvas.paint(drop, "#e9c36a")
            shine = self.pose.flat(
                ellipse((0.97 * side + 0.02 * self.pose.light_x, 0.715), (0.018, 0.024)), 0.05
            )
            self.canvas.paint(self.canvas.shape(shine, soften=0.006 * unit), "#fff6d8")
