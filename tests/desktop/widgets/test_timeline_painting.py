"""The timeline as it is painted."""

from desktop.theme.theme import Theme
from desktop.widgets.timeline.content import Lane, LaneKind, TimelineClip, TimelineContent
from desktop.widgets.timeline.view import TimelineView


def test_the_focus_ring_is_a_ring_and_hides_nothing(qt_application, monkeypatch):
    theme = Theme(qt_application)
    view = TimelineView(theme)
    clip = TimelineClip(
        clip_id="c", start=10, length=20, label="c", art_id="", is_sound=False, source_time_s=float
    )
    lane = Lane(lane_id="a", track_id="t", kind=LaneKind.CLIPS, title="Ada", colour="#3fc3ad", clips=(clip,))
    view.set_content(TimelineContent(lanes=(lane,), length=100))
    view.resize(800, 200)
    plain = view.viewport().grab().toImage()
    monkeypatch.setattr(view, "hasFocus", lambda: True)
    focused = view.viewport().grab().toImage()
    size = plain.size()
    inner = [(x, y) for x in range(2, size.width() - 2, 7) for y in range(2, size.height() - 2, 7)]
    assert all(plain.pixel(x, y) == focused.pixel(x, y) for x, y in inner)
    assert any(plain.pixel(x, 0) != focused.pixel(x, 0) for x in range(size.width()))
    view.deleteLater()
