"""What all parts of a face are painted with: it places shapes on the rounded surface of a turned head."""

from dataclasses import dataclass

from sample_canvas import Canvas, Patch, Points, ellipse
from sample_people import Expression, Look, Pose


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceBrush:
    """A canvas, whose face goes on it, how it is turned, what it does. Lengths are in units of the head."""

    canvas: Canvas
    look: Look
    pose: Pose
    expression: Expression

    def blob(
        self, centre: tuple[float, float], radii: tuple[float, float], soften: float, lift: float = 0.0
    ) -> Patch:
        """Return a soft spot; `soften` is the blur of its edge, `lift` raises it off the face."""
        outline = self.pose.surface(ellipse(centre, radii), lift)
        return self.canvas.shape(outline, soften=soften * self.pose.unit)

    def disc(self, x: float, y: float, radius: float, soften: float = 0.003) -> Patch:
        """Return a round spot, such as an iris, at the size of the person's eyes."""
        round_points = ellipse((x, y), (radius * self.look.eye_size, radius * self.look.eye_size))
        return self.canvas.shape(self.place(round_points), soften=soften * self.pose.unit)

    def lines(self, lines: list[Points], thickness: float, soften: float) -> Patch:
        """Return lines that lie on the face."""
        unit = self.pose.unit
        placed = [self.place(line) for line in lines]
        return self.canvas.strokes(placed, thickness=thickness * unit, soften=soften * unit)

    def place(self, points: Points, lift: float = 0.0) -> Points:
        """Return where points of the face are seen."""
        return self.pose.surface(points, lift)
