"""Which frame of a driver is its neutral one."""

from engine.benchmark.drawn_face import DrawnExpression, draw_face
from engine.draft.face_features import PixelBox, find_features
from engine.draft.neutral_frame import calmest, measure_calmness
from engine.media.opencv import cv2

BOX = PixelBox(x=132.0, y=110.0, width=248.0, height=292.0)


def measured(picture):
    return measure_calmness(picture, picture, BOX, find_features(picture, BOX))


def test_a_closed_mouth_and_open_eyes_are_calmest():
    busy = [DrawnExpression(mouth_open=0.8), DrawnExpression(blink=1.0), DrawnExpression(mouth_open=0.5)]
    pictures = [draw_face(one) for one in (*busy, DrawnExpression())]

    assert calmest([measured(picture) for picture in pictures]) == 3


def test_a_frame_unlike_the_others_is_not_the_neutral_one():
    usual = draw_face(DrawnExpression(mouth_open=0.15))
    squeezed = cv2.resize(draw_face(), (380, 512))
    turned = cv2.copyMakeBorder(squeezed, 0, 0, 20, 112, cv2.BORDER_REPLICATE)

    assert calmest([measured(picture) for picture in (turned, usual, usual, usual)]) != 0
