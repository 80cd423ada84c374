"""Small published networks in ONNX files, run on the processor by OpenCV; reading a file runs no code."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.conditioning.onnx_structure import check_structure
from engine.media.opencv import cv2
from engine.media.read_errors import reading
from engine.protocol.errors import ErrorCode, UserError

Plane = NDArray[np.float32]

_NEXT_STEP = "Put the file the model bundle was published with in its place."


class OnnxNetwork:
    """A network with one input. Not for use by two threads at once.

    Raises UserError: FILE_MISSING, FILE_UNREADABLE (not ONNX, cut short, operations OpenCV lacks).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with reading(path):
            content = path.read_bytes()
        try:
            check_structure(content)
            self._network = cv2.dnn.readNetFromONNX(np.frombuffer(content, np.uint8))
            self._outputs = self._network.getUnconnectedOutLayersNames()
        except (cv2.error, ValueError) as error:
            raise self._unreadable(str(error)) from error
        if not self._outputs:
            raise self._unreadable("no outputs")

    def run(self, input_: Plane) -> list[Plane]:
        """Return the network's outputs, in no promised order, for one input of whatever shape it takes.

        Raises UserError (FILE_UNREADABLE) where the network does not take it.
        """
        try:
            self._network.setInput(input_)
            outputs = self._network.forward(self._outputs)
        except cv2.error as error:
            raise self._unreadable(str(error)) from error
        return [np.asarray(output, np.float32) for output in outputs]

    def outputs_of_sizes(self, input_: Plane, sizes: Sequence[Collection[int]], purpose: str) -> list[Plane]:
        """Return, flat, the output that holds as many numbers as each of `sizes` allows. `purpose` says what
        the network should be, for the user.

        Raises UserError (FILE_UNREADABLE) where the network has other outputs.
        """
        outputs = self.run(input_)
        fitting = [[one for one in outputs if one.size in allowed] for allowed in sizes]
        if any(len(found) != 1 for found in fitting):
            raise UserError(
                f"{self._path.name} is not {purpose}.",
                next_step=_NEXT_STEP,
                code=ErrorCode.FILE_UNREADABLE,
                details={"path": str(self._path), "outputs": str([one.shape for one in outputs])},
            )
        return [found[0].ravel() for found in fitting]

    def _unreadable(self, reason: str) -> UserError:
        return UserError(
            f"{self._path.name} is not an ONNX network that can be read.",
            next_step=_NEXT_STEP,
            code=ErrorCode.FILE_UNREADABLE,
            details={"path": str(self._path), "reason": reason[:500]},
        )
