"""Whether an ONNX file hangs together. OpenCV's reader crashes on files whose nodes read what nothing gives.

The wire format is that of protocol buffers; field numbers are of ModelProto, GraphProto, NodeProto,
ValueInfoProto and TensorProto in onnx.proto.
"""

from collections.abc import Iterator
from math import prod

_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 5, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATION = 1, 2, 4
_VALUE_NAME = 1
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_BYTES = 1, 2, 8, 9
_BYTES_OF_TYPE = {1: 4, 6: 4, 7: 8, 10: 2, 11: 8}
_LONGEST_VARINT = 10


def check_structure(content: bytes) -> None:
    """Make sure that an ONNX file holds a graph whose every node reads what was given before it.

    Raises ValueError, which says what is wrong.
    """
    graphs = [value for number, value in _fields(memoryview(content)) if number == _MODEL_GRAPH]
    if len(graphs) != 1:
        raise ValueError(f"{len(graphs)} graphs")
    graph = list(_fields(_message(graphs[0])))
    known = {""}
    known.update(_name(value, _VALUE_NAME) for number, value in graph if number == _GRAPH_INPUT)
    known.update(_tensor_name(value) for number, value in graph if number == _GRAPH_INITIALIZER)
    for node in (value for number, value in graph if number == _GRAPH_NODE):
        known.update(_node_outputs(node, known))
    for output in (_name(value, _VALUE_NAME) for number, value in graph if number == _GRAPH_OUTPUT):
        _require(output, known)


def _node_outputs(node: "int | memoryview", known: set[str]) -> list[str]:
    outputs = []
    for number, value in _fields(_message(node)):
        if number == _NODE_INPUT:
            _require(_text(value), known)
        elif number == _NODE_OUTPUT:
            outputs.append(_text(value))
        elif number == _NODE_OPERATION and not (_text(value).isascii() and _text(value).isidentifier()):
            raise ValueError(f"operation {_text(value)!r}")
    return outputs


def _require(name: str, known: set[str]) -> None:
    if name not in known:
        raise ValueError(f"{name!r} is read and never given")


def _tensor_name(tensor: "int | memoryview") -> str:
    fields = list(_fields(_message(tensor)))
    dims = [value for number, value in fields if number == _TENSOR_DIMS]
    kind = next((value for number, value in fields if number == _TENSOR_TYPE), None)
    raw = next((value for number, value in fields if number == _TENSOR_BYTES), None)
    name = _name(tensor, _TENSOR_NAME)
    if raw is not None and isinstance(kind, int) and kind in _BYTES_OF_TYPE:
        sizes = list(_packed(dims[0])) if dims and not isinstance(dims[0], int) else dims
        numbers = prod(size for size in sizes if isinstance(size, int))
        if numbers * _BYTES_OF_TYPE[kind] != len(_message(raw)):
            raise ValueError(f"{name!r} does not fill its shape")
    return name


def _name(message: "int | memoryview", field: int) -> str:
    return next((_text(value) for number, value in _fields(_message(message)) if number == field), "")


def _text(value: "int | memoryview") -> str:
    return bytes(_message(value)).decode()


def _message(value: "int | memoryview") -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number in place of a message")
    return value


def _fields(message: memoryview) -> "Iterator[tuple[int, int | memoryview]]":
    """Yield the fields of a message: number, and an integer or bytes (fixed-width numbers as bytes)."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        wire = key & 7
        if wire == 0:
            number, place = _varint(message, place)
            yield key >> 3, number
            continue
        if wire == 2:
            length, place = _varint(message, place)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if place + length > len(message):
            raise ValueError("cut short")
        yield key >> 3, message[place : place + length]
        place += length


def _packed(message: memoryview) -> Iterator[int]:
    place = 0
    while place < len(message):
        number, place = _varint(message, place)
        yield number


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    number = 0
    for index in range(_LONGEST_VARINT):
        if place + index >= len(message):
            raise ValueError("cut short")
        byte = message[place + index]
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return number, place + index + 1
    raise ValueError("a number without an end")
