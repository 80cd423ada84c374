"""Paints where the people are: a living room in the evening, and a plain studio wall."""

import numpy as np
from sample_canvas import Canvas, Points, ellipse, mix, open_curve, soften_plane

GRAIN_SEED = 5


def paint_evening_room(canvas: Canvas) -> None:
    """Paint the wall, the window with the town at dusk, lamp, shelves and plant, a little out of focus."""
    _paint_wall(canvas)
    _paint_window(canvas)
    _paint_shelves(canvas)
    _paint_plant(canvas)
    _paint_lamp(canvas)
    canvas.blur(canvas.height / 300)


def paint_studio(canvas: Canvas, colours: tuple[str, str]) -> None:
    """Paint a wall of two colours, from the lit side to the dark one."""
    width, height = canvas.width, canvas.height
    canvas.blend(canvas.everywhere(), colours, (0, 0), (width, height))
    glow = canvas.shape(
        ellipse((0.36 * width, 0.36 * height), (0.3 * width, 0.34 * height)), soften=0.11 * width
    )
    canvas.lighten(glow, "#ffe6c4", 0.30)


def paint_brushwork(canvas: Canvas, strength: float = 2.2) -> None:
    """Lay a grain of slanted strokes and a gentle vignette over the finished picture."""
    height, width = canvas.height, canvas.width
    noise = (
        np.random.RandomState(GRAIN_SEED)
        .standard_normal((height // 2 + 80, width // 2 + 80))
        .astype(np.float32)
    )
    streaks = np.zeros((height // 2, width // 2), np.float32)
    for step in range(12):
        streaks += noise[40 + step : 40 + step + height // 2, 40 - step : 40 - step + width // 2]
    grain = soften_plane(streaks / streaks.std(), 0.8)
    canvas.pixels += strength * np.kron(grain, np.ones((2, 2), np.float32))[..., None]
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    canvas.pixels *= (1 - 0.20 * np.clip(down**2 * 0.7 + across**2 * 0.8 - 0.35, 0, 1))[..., None]


def _paint_wall(canvas: Canvas) -> None:
    width, height = canvas.width, canvas.height
    canvas.blend(canvas.everywhere(), ("#4a4150", "#232438"), (0.1 * width, 0), (0.9 * width, height))
    for number in range(14):
        x = width * (number + 0.5) / 14
        canvas.darken(
            canvas.strokes([_line((x, 0), (x, height))], thickness=2.0, soften=1.5), "#2a2434", 0.35
        )
    rail = 0.80 * height
    canvas.darken(canvas.shape(_box(0, rail, width, height)), "#5a4650", 0.65)
    canvas.lighten(canvas.strokes([_line((0, rail), (width, rail))], thickness=5, soften=1), "#c08a62", 0.35)


def _paint_window(canvas: Canvas) -> None:
    """Paint one wide pane: bars across it would show every bend of a picture warped around the faces."""
    width, height = canvas.width, canvas.height
    left, top, right, bottom = 0.375 * width, 0.06 * height, 0.625 * width, 0.74 * height
    canvas.lighten(canvas.shape(_box(left, top, right, bottom), soften=60), "#5068a8", 0.35)
    canvas.paint(canvas.shape(_box(left - 14, top - 14, right + 14, bottom + 14)), "#6b4a3c")
    pane = canvas.shape(_box(left, top, right, bottom))
    canvas.blend(pane, ("#22315e", "#6f5a8c"), (left, top), (left, top + 0.55 * (bottom - top)))
    dusk = canvas.shape(
        _box(left - 60, bottom - 0.42 * (bottom - top), right + 60, bottom), soften=38
    ).within(pane)
    canvas.lighten(dusk, "#e88a58", 0.85)
    moon = ellipse(((left + right) / 2 - 34, top + 34), (16, 16))
    canvas.lighten(canvas.shape(moon, soften=16).within(pane), "#fff0cf", 0.6)
    canvas.paint(canvas.shape(moon, soften=1).within(pane), "#fff3d8", 0.95)
    for share, reach, drop in ((0.3, 95, 0.30), (0.72, 120, 0.38), (0.45, 80, 0.46), (0.2, 70, 0.53)):
        middle = (left + share * (right - left), top + drop * (bottom - top))
        cloud = canvas.shape(ellipse(middle, (reach, 9)), soften=9).within(pane)
        canvas.lighten(cloud, "#f0a0a0", 0.45)
    _paint_town(canvas, (left, top, right, bottom))
    canvas.paint(canvas.shape(_box(left - 28, bottom + 10, right + 28, bottom + 30)), "#7c5644")
    for outer, inner in ((left - 62, left + 26), (right + 62, right - 26)):
        _paint_curtain(canvas, outer, inner, bottom + 60)


def _paint_town(canvas: Canvas, window: tuple[float, float, float, float]) -> None:
    left, _, right, bottom = window
    chance = np.random.RandomState(8)
    pane = canvas.shape(_box(*window))
    x = left - 10
    while x < right:
        wide, tall = chance.uniform(26, 58), chance.uniform(50, 150)
        house = canvas.shape(_box(x, bottom - tall, x + wide, bottom + 2)).within(pane)
        canvas.paint(house, mix("#2c2748", "#584066", float(chance.uniform())), 0.92)
        for _ in range(7):
            spot = (x + chance.uniform(6, wide - 6), bottom - chance.uniform(8, tall - 8))
            light = canvas.shape(ellipse(spot, (5, 5)), soften=2.5).within(pane)
            canvas.lighten(
                light, ("#ffcf7a", "#ffb15c", "#bcd6ff")[chance.randint(3)], chance.uniform(0.35, 0.95)
            )
        x += wide


def _paint_curtain(canvas: Canvas, outer: float, inner: float, bottom: float) -> None:
    low, high = min(outer, inner), max(outer, inner)
    cloth = canvas.shape(_box(low, 0, high, bottom), soften=1)
    canvas.blend(cloth, ("#8a4a46", "#4c2838"), (0, 0), (0, bottom))
    for number in range(6):
        x = low + (high - low) * (number + 0.5) / 6
        fold = open_curve([(x, 0), (x + 4, bottom * 0.5), (x - 2, bottom)])
        canvas.darken(canvas.strokes([fold], thickness=7, soften=4).within(cloth), "#2c1422", 0.55)
        canvas.lighten(
            canvas.strokes([fold + np.array([6.0, 0])], thickness=4, soften=3).within(cloth), "#e08a70", 0.25
        )


def _paint_shelves(canvas: Canvas) -> None:
    width, height = canvas.width, canvas.height
    left, right = 0.855 * width, width + 10
    chance = np.random.RandomState(21)
    canvas.paint(canvas.shape(_box(left, 0.02 * height, right, 0.86 * height)), "#3a2a30")
    spines = ("#9c4a3c", "#c08a48", "#41687a", "#5b7a58", "#7a4a68", "#b5a078", "#34485e")
    for row in range(4):
        floor = height * (0.24 + 0.2 * row)
        canvas.blend(
            canvas.shape(_box(left + 6, floor - 0.18 * height, right, floor)),
            ("#2a1f28", "#191420"),
            (0, floor - 130),
            (0, floor),
        )
        x = left + 12
        while x < right:
            wide, tall = chance.uniform(11, 24), chance.uniform(70, 112)
            book = canvas.shape(_box(x, floor - tall, x + wide - 2, floor))
            canvas.paint(book, mix(spines[chance.randint(len(spines))], "#2a2030", 0.35))
            canvas.lighten(canvas.shape(_box(x + 2, floor - tall, x + 5, floor), soften=1), "#ffd0a0", 0.22)
            x += wide
        canvas.paint(canvas.shape(_box(left, floor, right, floor + 9)), "#6b4a3a")


def _paint_plant(canvas: Canvas) -> None:
    width, height = canvas.width, canvas.height
    foot = np.array([0.045 * width, 0.80 * height])
    for number in range(15):
        angle = -np.pi / 2 + (number - 7) * 0.165
        reach = height * (0.40 - 0.014 * abs(number - 7) + 0.05 * (number % 3))
        tip = foot + reach * np.array([np.cos(angle), np.sin(angle)])
        bow = (foot + tip) / 2 + np.array([0, -0.06 * height])
        spine = open_curve([foot.tolist(), bow.tolist(), tip.tolist()])
        share = np.linspace(0, 1, len(spine))[:, None]
        side = np.array([[-np.sin(angle), np.cos(angle)]]) * 15 * np.sin(np.pi * share**0.7)
        leaf = canvas.shape(np.concatenate([spine - side, (spine + side)[::-1]]), soften=1)
        canvas.paint(leaf, mix("#23443a", "#5a7a4a", (number % 4) / 4))
        canvas.lighten(canvas.strokes([spine], thickness=2, soften=1), "#b8c88a", 0.35)


def _paint_lamp(canvas: Canvas) -> None:
    width, height = canvas.width, canvas.height
    x, y = 0.135 * width, 0.27 * height
    canvas.paint(canvas.shape(_box(x - 4, y + 40, x + 4, height)), "#3c2a24")
    canvas.lighten(
        canvas.shape(ellipse((x, y + 20), (0.20 * width, 0.34 * height)), soften=100), "#ffb366", 0.55
    )
    shade = np.array([(x - 46, y - 62), (x + 46, y - 62), (x + 78, y + 50), (x - 78, y + 50)])
    canvas.lighten(canvas.shape(shade, soften=30), "#ffd79a", 0.7)
    canvas.blend(canvas.shape(shade, soften=1), ("#ffe0a6", "#f2a556"), (x, y - 60), (x, y + 56))
    canvas.lighten(canvas.shape(ellipse((x, y + 6), (34, 42)), soften=16), "#fff6dc", 0.8)
    canvas.darken(
        canvas.strokes([_line((x - 78, y + 50), (x + 78, y + 50))], thickness=4, soften=1), "#b06a30", 0.6
    )


def _box(left: float, top: float, right: float, bottom: float) -> Points:
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)


def _line(start: tuple[float, float], end: tuple[float, float]) -> Points:
    return np.array([start, end], np.float64)
