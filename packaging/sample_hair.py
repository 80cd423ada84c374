"""Paints hair: a dark mass behind the head, locks with single strands in front of it."""

from dataclasses import dataclass

import numpy as np
from sample_canvas import Canvas, Patch, Points, closed_curve, ellipse, mix, open_curve, rim
from sample_people import Hair, Look, Pose

HAIR_BACK = {
    Hair.BOB: [
        (0, -1.78), (0.72, -1.62), (1.22, -1.02), (1.36, -0.2), (1.36, 0.55), (1.30, 1.15), (1.02, 1.50),
        (0.6, 1.42), (0, 1.3), (-0.6, 1.42), (-1.02, 1.50), (-1.30, 1.15), (-1.36, 0.55), (-1.36, -0.2),
        (-1.22, -1.02), (-0.72, -1.62),
    ],
    Hair.CROP: [
        (0, -1.66), (0.8, -1.45), (1.08, -0.8), (1.0, 0.1), (0, 0.4), (-1.0, 0.1), (-1.08, -0.8),
        (-0.8, -1.45),
    ],
    Hair.BUN: [
        (0, -1.70), (0.75, -1.5), (1.10, -0.9), (1.04, -0.1), (0.9, 0.4), (0, 0.8), (-0.9, 0.4),
        (-1.04, -0.1), (-1.10, -0.9), (-0.75, -1.5),
    ],
}  # fmt: skip

BACK_DEPTH = {Hair.BOB: -0.10, Hair.CROP: 0.0, Hair.BUN: 0.0}

# Guide strands from root to tip, in order around the head; hair in front fills what lies between neighbours.
HAIR_FRONT: dict[Hair, list[list[list[tuple[float, float]]]]] = {
    Hair.BOB: [
        [
            [(-0.30, -1.70), (-0.85, -1.45), (-1.25, -0.75), (-1.36, 0.1), (-1.30, 0.9), (-1.02, 1.46)],
            [(-0.30, -1.60), (-0.78, -1.25), (-1.12, -0.65), (-1.20, 0.1), (-1.14, 0.8), (-0.96, 1.36)],
            [(-0.28, -1.45), (-0.60, -1.12), (-0.92, -0.60), (-1.02, 0.05), (-0.98, 0.6), (-0.90, 1.10)],
        ],
        [
            [(-0.34, -1.70), (0.35, -1.78), (1.05, -1.25), (1.36, -0.2), (1.34, 0.8), (1.02, 1.46)],
            [(-0.34, -1.58), (0.35, -1.50), (0.92, -1.02), (1.19, -0.2), (1.18, 0.7), (0.98, 1.36)],
            [(-0.32, -1.45), (0.18, -1.20), (0.72, -0.86), (0.98, -0.28), (1.02, 0.4), (0.92, 1.10)],
        ],
    ],
    Hair.CROP: [
        [
            [(-1.04, -0.06), (-1.11, -0.5), (-1.10, -1.0), (-0.86, -1.42), (-0.5, -1.66), (-0.1, -1.78)],
            [(-0.98, 0.02), (-1.03, -0.5), (-0.94, -0.9), (-0.70, -1.2), (-0.38, -1.46), (0.0, -1.62)],
            [(-0.91, 0.04), (-0.92, -0.4), (-0.86, -0.72), (-0.66, -1.00), (-0.38, -1.18), (-0.05, -1.28)],
        ],
        [
            [(-0.62, -1.30), (-0.55, -1.72), (0.05, -1.98), (0.62, -1.78), (1.0, -1.30),
             (1.11, -0.55), (1.04, -0.06)],
            [(-0.66, -1.18), (-0.40, -1.48), (0.10, -1.66), (0.60, -1.46), (0.92, -1.05),
             (1.02, -0.45), (0.98, 0.02)],
            [(-0.66, -1.00), (-0.35, -1.16), (0.10, -1.22), (0.52, -1.10), (0.80, -0.82),
             (0.92, -0.35), (0.91, 0.04)],
        ],
    ],
    Hair.BUN: [
        [
            [(0.02, -1.78), (-0.55, -1.66), (-0.98, -1.25), (-1.15, -0.65), (-1.12, 0.0), (-1.02, 0.42)],
            [(0.02, -1.55), (-0.45, -1.42), (-0.84, -1.08), (-1.01, -0.6), (-1.04, -0.1), (-0.99, 0.30)],
            [(0.02, -1.20), (-0.36, -1.16), (-0.68, -0.95), (-0.88, -0.6), (-0.96, -0.2), (-0.97, 0.15)],
        ],
        [
            [(-0.02, -1.78), (0.55, -1.66), (0.98, -1.25), (1.15, -0.65), (1.12, 0.0), (1.02, 0.42)],
            [(-0.02, -1.55), (0.45, -1.42), (0.84, -1.08), (1.01, -0.6), (1.04, -0.1), (0.99, 0.30)],
            [(-0.02, -1.20), (0.36, -1.16), (0.68, -0.95), (0.88, -0.6), (0.96, -0.2), (0.97, 0.15)],
        ],
    ],
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class HairPainter:
    """Paints one person's hair. `seed` chooses how single hairs lie; keep it to keep them in place."""

    canvas: Canvas
    look: Look
    pose: Pose
    seed: int = 1

    def paint_behind(self) -> None:
        """Paint what hangs behind the head, before the neck is painted."""
        unit, look = self.pose.unit, self.look
        if look.hair is Hair.BUN:
            bun = self.canvas.shape(self.pose.flat(ellipse((0.0, -1.92), (0.52, 0.44)), -0.35))
            self._model_hair(bun)
            rings = [
                self.pose.flat(
                    ellipse((0.02 * n, -1.92 + 0.02 * n), (0.46 - 0.09 * n, 0.38 - 0.08 * n))[8:30], -0.35
                )
                for n in range(5)
            ]
            self.canvas.lighten(
                self.canvas.strokes(rings, thickness=0.02 * unit, soften=0.012 * unit).within(bun),
                look.hair_light,
                0.4,
            )
        back = self.canvas.shape(self.pose.flat(closed_curve(HAIR_BACK[look.hair]), BACK_DEPTH[look.hair]))
        self.canvas.paint(back, mix(look.hair_shade, look.hair_colour, 0.25))
        self.canvas.darken(rim(back, offset=(0, 0), softness=0.1 * unit), look.hair_shade, 0.5)

    def paint_in_front(self, skin: Patch) -> None:
        """Paint the locks over the face and their shadow on its skin."""
        unit, look = self.pose.unit, self.look
        locks = [[open_curve(guide, steps=8) for guide in lock] for lock in HAIR_FRONT[look.hair]]
        for lock in locks:
            outline = self._hair_points(np.concatenate([lock[0], lock[-1][::-1]]))
            cast = self.canvas.shape(
                outline + np.array([-0.03 * self.pose.light_x, 0.07]) * unit, soften=0.06 * unit
            )
            self.canvas.darken(cast.within(skin), mix(look.skin_shade, look.hair_shade, 0.3), 0.55)
        for number, lock in enumerate(locks):
            outline = self._hair_points(np.concatenate([lock[0], lock[-1][::-1]]))
            shape = self.canvas.shape(outline, soften=0.012 * unit)
            self._model_hair(shape)
            self._paint_strands(lock, shape, np.random.RandomState(self.seed * 17 + number))

    def _model_hair(self, shape: Patch) -> None:
        unit, look, light = self.pose.unit, self.look, self.pose.light_x
        self.canvas.paint(shape, look.hair_colour)
        self.canvas.darken(
            rim(shape, offset=(0.2 * light * unit, -0.1 * unit), softness=0.16 * unit), look.hair_shade, 0.75
        )
        self.canvas.lighten(
            rim(shape, offset=(-0.10 * light * unit, 0.10 * unit), softness=0.1 * unit), look.hair_light, 0.34
        )

    def _paint_strands(self, lock: list[Points], shape: Patch, chance: np.random.RandomState) -> None:
        unit, look = self.pose.unit, self.look
        tones = [
            (look.hair_shade, 0.55, 0.022),
            (look.hair_light, 0.42, 0.014),
            (look.hair_shade, 0.5, 0.012),
            (look.hair_light, 0.5, 0.008),
        ]
        for colour, opacity, thickness in tones:
            strands = [self._hair_points(_between(lock, chance)) for _ in range(26)]
            patch = self.canvas.strokes(strands, thickness=thickness * unit, soften=0.006 * unit).within(
                shape
            )
            self.canvas.paint(patch, colour, opacity)
        sheen = [self._hair_points(_between(lock, chance)[10:20]) for _ in range(22)]
        patch = self.canvas.strokes(sheen, thickness=0.03 * unit, soften=0.03 * unit).within(shape)
        self.canvas.lighten(patch, look.hair_light, 0.5)

    def _hair_points(self, points: Points) -> Points:
        """Place hair that hugs the skull: in front over the brow, at the side further back."""
        skull = np.sqrt(np.clip(1 - (points[:, 0] / 1.02) ** 2, 0, 1))
        height = np.clip((points[:, 1] + 1.9) / 0.9, 0, 1)
        return self.pose.flat(points, 0.05 + 0.55 * skull * height)


def _between(lock: list[Points], chance: np.random.RandomState) -> Points:
    """Return a strand at a chance place between two neighbouring guides, cut at a chance length."""
    place = chance.uniform(0, len(lock) - 1)
    first = min(int(place), len(lock) - 2)
    share = place - first
    drift = chance.uniform(-0.25, 0.25) * np.linspace(0, 1, len(lock[0]))[:, None]
    strand = lock[first] * (1 - share - drift) + lock[first + 1] * (share + drift)
    start = chance.randint(0, len(strand) // 3)
    return strand[start : len(strand) - chance.randint(0, len(strand) // 4)]
