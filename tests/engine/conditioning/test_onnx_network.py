"""Networks in ONNX files: read, run, refused."""

import re

import numpy as np
import pytest

from engine.conditioning.face_detector import OnnxFaceDetector
from engine.conditioning.landmarks import OnnxLandmarks
from engine.conditioning.onnx_network import OnnxNetwork
from engine.protocol.errors import ErrorCode, UserError
from tests.engine.conditioning.onnx_files import bright_spot_detector, brightness_landmarks, model, node


def write(folder, content, name="netz ☺.onnx"):
    path = folder / name
    path.write_bytes(content)
    return path


def double(side):
    """A network whose 1x1 convolution doubles its input."""
    weight = 2.0 * np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1)
    nodes = [node("Conv", ["picture", "weight"], ["doubled"], kernel_shape=[1, 1], strides=[1, 1])]
    return model(nodes, {"weight": weight}, (1, 3, side, side), {"doubled": (1, 3, side, side)})


def test_a_network_is_run(tmp_path):
    network = OnnxNetwork(write(tmp_path, double(4)))
    input_ = np.random.default_rng(1).normal(size=(1, 3, 4, 4)).astype(np.float32)
    (output,) = network.run(input_)
    np.testing.assert_allclose(output, 2 * input_, rtol=1e-6)


WHOLE = bright_spot_detector()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello " * 200,
        bytes(4000),
        WHOLE[: len(WHOLE) // 2],
        WHOLE[-900:],
        b"\x80\x04\x95" + b"cos\nsystem\n",
    ],
    ids=["empty", "text", "zeros", "cut short", "tail", "pickle"],
)
def test_a_file_that_is_no_network_is_refused_by_name(tmp_path, content):
    with pytest.raises(UserError, match=re.escape("netz ☺.onnx is not an ONNX network")) as refused:
        OnnxNetwork(write(tmp_path, content))
    assert refused.value.report.code is ErrorCode.FILE_UNREADABLE
    assert refused.value.report.next_step


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(UserError, match=re.escape("gone.onnx")) as refused:
        OnnxNetwork(tmp_path / "gone.onnx")
    assert refused.value.report.code is ErrorCode.FILE_MISSING


def test_an_operation_that_does_not_exist_is_refused(tmp_path):
    content = model([node("Dream", ["picture"], ["out"])], {}, (1, 3, 4, 4), {"out": (1, 3, 4, 4)})
    with pytest.raises(UserError, match="is not an ONNX network that can be read"):
        OnnxNetwork(write(tmp_path, content)).run(np.zeros((1, 3, 4, 4), np.float32))


WEIGHT = np.ones((3, 3, 1, 1), np.float32)
SHAPE = {"out": (1, 3, 4, 4)}


@pytest.mark.parametrize(
    "content",
    [
        model([node("Conv", ["picture", "gone"], ["out"])], {"weight": WEIGHT}, (1, 3, 4, 4), SHAPE),
        model([node("Conv", ["picture", "weight"], ["away"])], {"weight": WEIGHT}, (1, 3, 4, 4), SHAPE),
        model([node("Co\x85v", ["picture", "weight"], ["out"])], {"weight": WEIGHT}, (1, 3, 4, 4), SHAPE),
        double(4).replace(b"weight", b"weig\xfft"),
        double(4).replace(b"\x08\x03\x08\x03\x08\x01\x08\x01", b"\x08\x03\x08\x7f\x08\x01\x08\x01"),
    ],
    ids=["input that nothing gives", "output that nothing gives", "operation", "name", "weights too few"],
)
def test_a_network_that_does_not_hang_together_never_reaches_opencv(tmp_path, content):
    with pytest.raises(UserError, match="is not an ONNX network") as refused:
        OnnxNetwork(write(tmp_path, content))
    assert "OpenCV" not in refused.value.report.details["reason"]


def test_another_network_in_the_detector_s_place_is_refused(tmp_path):
    detector = OnnxFaceDetector(write(tmp_path, double(4)))
    with pytest.raises(UserError, match="is not the face detector of a model bundle"):
        detector.detect(np.zeros((40, 40, 3), np.uint8))


def test_swapped_files_are_refused(tmp_path):
    swapped = OnnxLandmarks(write(tmp_path, bright_spot_detector()))
    with pytest.raises(UserError, match=re.escape("netz ☺.onnx is not")):
        swapped.in_box(np.full((90, 90, 3), 200, np.uint8), np.array([10, 10, 80, 80]))
    detector = OnnxFaceDetector(write(tmp_path, brightness_landmarks()))
    with pytest.raises(UserError, match=re.escape("netz ☺.onnx is not")):
        detector.detect(np.zeros((90, 90, 3), np.uint8))
