"""Tiny ONNX files written by hand: the wire format, and two networks that see bright spots."""

import struct

import numpy as np

LANDMARK_SIDE = 128


def _varint(value):
    encoded = b""
    while value > 0x7F:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


def _field(number, value):
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    if isinstance(value, float):
        return _varint(number << 3 | 5) + struct.pack("<f", value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _attribute(name, value):
    if isinstance(value, int):
        return _field(1, name) + _field(3, value) + _field(20, 2)
    return _field(1, name) + b"".join(_field(8, one) for one in value) + _field(20, 7)


def node(operation, inputs, outputs, **attributes):
    """Return a node of a graph."""
    parts = [_field(1, name) for name in inputs] + [_field(2, name) for name in outputs]
    parts += [_field(3, f"{operation}_{outputs[0]}"), _field(4, operation)]
    parts += [_field(5, _attribute(name, value)) for name, value in attributes.items()]
    return b"".join(parts)


def _tensor(name, values):
    values = np.ascontiguousarray(values)
    dims = b"".join(_field(1, side) for side in values.shape)
    return (
        dims + _field(2, 7 if values.dtype == np.int64 else 1) + _field(8, name) + _field(9, values.tobytes())
    )


def _value(name, shape):
    dims = b"".join(_field(1, _field(1, side)) for side in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, 1) + _field(2, dims)))


def model(nodes, constants, input_shape, output_shapes):
    """Return an ONNX file's bytes; the input's name is `picture`, outputs are {name: shape}."""
    graph = b"".join(_field(1, one) for one in nodes) + _field(2, "tiny")
    graph += b"".join(_field(5, _tensor(name, values)) for name, values in constants.items())
    graph += _field(11, _value("picture", input_shape))
    graph += b"".join(_field(12, _value(name, shape)) for name, shape in output_shapes.items())
    return _field(1, 8) + _field(8, _field(1, "") + _field(2, 13)) + _field(7, graph)


def bright_spot_detector(reach_strides=2):
    """Return a detector whose finest level takes each bright place for the middle of a square face that
    reaches `reach_strides` strides of 8 pixels to each side.
    """
    nodes, constants, outputs = [], {}, {}
    for level, stride in enumerate((8, 16, 32)):
        rows, columns = 272 // stride, 160 // stride
        gain = 3.0 / (3 * stride * stride) if stride == 8 else 0.0
        constants[f"weight{level}"] = np.full((1, 3, stride, stride), gain, np.float32)
        constants[f"bias{level}"] = np.array([-4.0], np.float32)
        reach = np.full(8, -20.0, np.float32)
        reach[reach_strides] = 20.0
        constants[f"flat{level}"] = np.zeros((32, 3, stride, stride), np.float32)
        constants[f"reach{level}"] = np.tile(reach, 4)
        constants[f"scores_shape{level}"] = np.array([1, rows * columns, 1], np.int64)
        constants[f"reaches_shape{level}"] = np.array([1, rows * columns, 32], np.int64)
        size = {"kernel_shape": [stride] * 2, "strides": [stride] * 2}
        for kind, weight, bias in (("scores", "weight", "bias"), ("reaches", "flat", "reach")):
            names = [f"{weight}{level}", f"{bias}{level}"]
            end = "Sigmoid" if kind == "scores" else "Identity"
            nodes += [
                node("Conv", ["picture", *names], [f"{kind}_conv{level}"], **size),
                node(end, [f"{kind}_conv{level}"], [f"{kind}_map{level}"]),
                node("Transpose", [f"{kind}_map{level}"], [f"{kind}_last{level}"], perm=[0, 2, 3, 1]),
                node("Reshape", [f"{kind}_last{level}", f"{kind}_shape{level}"], [f"{kind}{level}"]),
            ]
        outputs |= {f"scores{level}": (1, rows * columns, 1), f"reaches{level}": (1, rows * columns, 32)}
    ordered = dict(sorted(outputs.items(), reverse=True))
    return model(nodes, constants, (1, 3, 272, 160), ordered)


def face_of_landmarks(seed=1):
    """Return points [222, 2] about (0, 0), 0.85 wide and high; the five that align are those of a face."""
    points = np.random.default_rng(seed).uniform(-0.38, 0.38, (222, 2)).astype(np.float32)
    points[:4] = [[-0.425, 0.0], [0.425, 0.0], [0.0, -0.425], [0.0, 0.425]]
    points[74], points[96] = [-0.2, -0.1], [0.2, -0.1]
    points[[182, 202, 36, 149, 133]] = [[-0.15, -0.1], [0.15, -0.1], [0.0, 0.08], [-0.12, 0.22], [0.12, 0.22]]
    return points


def brightness_landmarks(points=None, probability=0.9):
    """Return a landmark network that lays `points` about the centre of brightness, as large as it is bright.

    The points are as given, in shares of the crop, where a fifth of the crop is white.
    """
    points = face_of_landmarks() if points is None else points
    y, x = (np.mgrid[0:LANDMARK_SIDE, 0:LANDMARK_SIDE].astype(np.float32) + 0.5) / LANDMARK_SIDE
    kernels = np.stack([x, y, np.ones_like(x)])[:, None].repeat(3, axis=1) / 1000.0
    constants = {
        "kernels": kernels.astype(np.float32),
        "none": np.array([0.0, 0.0, 1e-6], np.float32),
        "pick_x": np.array([[[[1.0]], [[0.0]], [[0.0]]]], np.float32),
        "pick_y": np.array([[[[0.0]], [[1.0]], [[0.0]]]], np.float32),
        "pick_all": np.array([[[[0.0]], [[0.0]], [[1.0]]]], np.float32),
        "across": points[:, 0].reshape(222, 1, 1, 1),
        "along": points[:, 1].reshape(222, 1, 1, 1),
        "usual": np.array([[[[1000.0 / (3 * 0.2 * LANDMARK_SIDE**2)]]]], np.float32),
        "ones": np.ones((222, 1, 1, 1), np.float32),
        "landmark_shape": np.array([1, 444], np.int64),
        "angle_weight": np.zeros((3, 3, 1, 1), np.float32),
        "angles": np.array([0.1, -0.2, 0.0], np.float32),
        "angle_shape": np.array([1, 3], np.int64),
        "sure_weight": np.zeros((1, 3, 1, 1), np.float32),
        "sure": np.array([probability], np.float32),
        "sure_shape": np.array([1, 1], np.int64),
    }
    one = {"kernel_shape": [1, 1], "strides": [1, 1]}
    nodes = [
        node("Conv", ["picture", "kernels", "none"], ["sums"], kernel_shape=[128, 128], strides=[1, 1]),
        *(node("Conv", ["sums", f"pick_{name}"], [name], **one) for name in ("x", "y", "all")),
        node("Div", ["x", "all"], ["centre_x"]),
        node("Div", ["y", "all"], ["centre_y"]),
        node("Conv", ["centre_x", "ones"], ["many_x"], **one),
        node("Conv", ["centre_y", "ones"], ["many_y"], **one),
        node("Conv", ["all", "usual"], ["share"], **one),
        node("Sqrt", ["share"], ["size"]),
        node("Conv", ["size", "across"], ["away_x"], **one),
        node("Conv", ["size", "along"], ["away_y"], **one),
        node("Add", ["many_x", "away_x"], ["points_x"]),
        node("Add", ["many_y", "away_y"], ["points_y"]),
        node("Concat", ["points_x", "points_y"], ["points"], axis=1),
        node("Reshape", ["points", "landmark_shape"], ["landmark"]),
        node("Conv", ["sums", "angle_weight", "angles"], ["angle_map"], **one),
        node("Reshape", ["angle_map", "angle_shape"], ["euler"]),
        node("Conv", ["sums", "sure_weight", "sure"], ["sure_map"], **one),
        node("Reshape", ["sure_map", "sure_shape"], ["probability"]),
    ]
    outputs = {"landmark": (1, 444), "euler": (1, 3), "probability": (1, 1)}
    return model(nodes, constants, (1, 3, LANDMARK_SIDE, LANDMARK_SIDE), outputs)
