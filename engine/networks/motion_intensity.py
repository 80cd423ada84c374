"""How strongly a face and a body move: measured on a clip, and as a shift of the timestep embedding.

Shapes: T frames, P points, 2 picture coordinates, B clips, I = 2 intensities (the face's, then the
body's), W the network's width, C the transformer's width.
Source: FantasyTalking section 3.4 (arXiv 2504.04842): the variances of the landmark and of the joint sequence
in 0..1, MLPs, one ResNet layer, pooling, added to the timestep embedding. The paper leaves sizes and
normalisation open; the published weights hold no such network.
"""

import torch
from torch import nn
from torch.nn import functional

from engine.protocol.errors import BugError

NEUTRAL_INTENSITY = 0.5

# The standard deviations that stand for the neutral intensity, in units of the face's or the body's size.
# Choices: points followed on a few clips moved by 0.01 on calm faces and by 0.06 on a laughing one; no bodies
# were measured.
LANDMARK_DEVIATION = 0.03
JOINT_DEVIATION = 0.1


class ResidualLayer(nn.Module):
    """Two convolutions over the two intensities, so that one can temper the other; plus the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(1, width)
        self.conv1 = nn.Conv1d(width, width, kernel_size=3, padding=1)
        self.norm2 = nn.GroupNorm(1, width)
        self.conv2 = nn.Conv1d(width, width, kernel_size=3, padding=1)

    def forward(self, x_BWI: torch.Tensor) -> torch.Tensor:
        inner = self.conv1(functional.silu(self.norm1(x_BWI)))
        inner = self.conv2(functional.silu(self.norm2(inner)))
        return x_BWI + inner


class MotionIntensity(nn.Module):
    """An MLP for each intensity, a ResNet layer over both, their mean, and a Linear that is zero at first."""

    def __init__(self, *, model_width: int, width: int = 512) -> None:
        super().__init__()
        self.face = _mlp(width)
        self.body = _mlp(width)
        self.residual = ResidualLayer(width)
        self.proj_out = nn.Linear(width, model_width)
        nn.init.zeros_(self.proj_out.weight)
        nn.init.zeros_(self.proj_out.bias)

    def forward(self, intensities_BI: torch.Tensor) -> torch.Tensor:
        """Return shifts [B, C] of intensities [B, 2] in 0..1."""
        # The MLPs see -1..1 around the neutral intensity.
        around_BI = (intensities_BI - NEUTRAL_INTENSITY) / NEUTRAL_INTENSITY
        face_BW = self.face(around_BI[:, 0:1])
        body_BW = self.body(around_BI[:, 1:2])
        mixed_BWI = self.residual(torch.stack((face_BW, body_BW), dim=-1))
        shifts_BC: torch.Tensor = self.proj_out(mixed_BWI.mean(dim=-1))
        return shifts_BC

    def shift(self, *, face: float = NEUTRAL_INTENSITY, body: float = NEUTRAL_INTENSITY) -> torch.Tensor:
        """Return the shift [C] of one shot's intensities; BugError when one is outside 0..1."""
        for intensity in (face, body):
            if not 0 <= intensity <= 1:
                raise BugError(f"a motion intensity of {intensity} is outside 0..1")
        shifts_BC: torch.Tensor = self(self.proj_out.weight.new_tensor([[face, body]]))
        return shifts_BC[0]


def landmark_motion(landmarks_TP2: torch.Tensor) -> float:
    """Return how much an expression changes over a clip, in 0..1.

    Each frame's landmarks are first brought to the same place and size, for travelling and nearing are the
    body's motion; what stays is the expression and the turning head. The landmarks' variance over time is set
    against LANDMARK_DEVIATION (see `_share`). Frames with a landmark that is not a number are left out;
    BugError when none is left, or all landmarks of a frame lie in one place.
    """
    found_TP2 = landmarks_TP2.double()
    found_TP2 = found_TP2[found_TP2.isfinite().all(dim=-1).all(dim=-1)]
    if found_TP2.numel() == 0:
        raise BugError("no frame has all landmarks")
    centred_TP2 = found_TP2 - found_TP2.mean(dim=1, keepdim=True)
    size_T11 = centred_TP2.square().sum(dim=-1, keepdim=True).mean(dim=1, keepdim=True).sqrt()
    if not bool((size_T11 > 0).all()):
        raise BugError("the landmarks of a frame lie in one place")
    shapes_TP2 = centred_TP2 / size_T11
    variance = (shapes_TP2 - shapes_TP2.mean(dim=0)).square().sum(dim=-1).mean()
    return _share(float(variance), LANDMARK_DEVIATION)


def body_motion(joints_TP2: torch.Tensor) -> float:
    """Return how much a body moves over a clip, its travel through the picture included, in 0..1.

    The joints' variance over time, in units of the body's mean size in the picture, is set against
    JOINT_DEVIATION (see `_share`). A joint that is not a number in a frame is left out of it; BugError when
    there is none at all, or all lie in one place.
    """
    joints_TP2 = joints_TP2.double()
    found_TP2 = torch.where(joints_TP2.isfinite().all(dim=-1, keepdim=True), joints_TP2, torch.nan)
    size_squared = (found_TP2 - found_TP2.nanmean(dim=1, keepdim=True)).square().sum(dim=-1).nanmean()
    if not bool(size_squared > 0):
        raise BugError("no frame has two joints in different places")
    variance = (found_TP2 - found_TP2.nanmean(dim=0)).square().sum(dim=-1).nanmean() / size_squared
    return _share(float(variance), JOINT_DEVIATION)


def _share(variance: float, neutral_deviation: float) -> float:
    """Return 0 for none, NEUTRAL_INTENSITY at `neutral_deviation` (a standard one), below 1 for any."""
    return variance / (variance + neutral_deviation**2)


def _mlp(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(1, width), nn.SiLU(), nn.Linear(width, width))
