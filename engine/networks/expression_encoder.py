"""PD-FGC's encoder: from an aligned face to what its head, eyes, emotion and mouth do.

Shapes: B faces, C channels, H and W pixels, E features of one face (FEATURE_SIZE).
Source: PD-FGC (arXiv 2211.14506) as published with FantasyPortrait; the attributes carry the published names.
"""

from enum import Enum

import torch
from torch import nn
from torch.nn import functional

FEATURE_SIZE = 554

_WIDTH = 256
_HOURGLASS_DEPTH = 4
_HEAT_MAPS = 68
_HEAT_SIDE = 28
_CODE = 512
_MOUTH_EMBEDDING = 500


class FeaturePart(Enum):
    """Where each part lies in the features of a face."""

    HEAD = slice(0, 6)
    EYES = slice(6, 12)
    EMOTION = slice(12, 42)
    MOUTH = slice(42, 554)

    @property
    def size(self) -> int:
        """The part's number of features."""
        return int(self.value.stop - self.value.start)


class ResidualBlock(nn.Module):
    """Three 3x3 convolutions, each half as wide or as wide as the last, side by side; plus the input."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        half, quarter = width_out // 2, width_out // 4
        self.bn1 = nn.BatchNorm2d(width_in)
        self.conv1 = nn.Conv2d(width_in, half, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, quarter, kernel_size=3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(quarter)
        self.conv3 = nn.Conv2d(quarter, quarter, kernel_size=3, padding=1, bias=False)
        self.downsample: nn.Module | None = None
        if width_in != width_out:
            self.downsample = nn.Sequential(
                nn.BatchNorm2d(width_in), nn.ReLU(), nn.Conv2d(width_in, width_out, kernel_size=1, bias=False)
            )

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        first = self.conv1(functional.relu(self.bn1(x_BCHW)))
        second = self.conv2(functional.relu(self.bn2(first)))
        third = self.conv3(functional.relu(self.bn3(second)))
        shortcut = x_BCHW if self.downsample is None else self.downsample(x_BCHW)
        return torch.cat((first, second, third), dim=1) + shortcut


class Hourglass(nn.Module):
    """At each level a branch at full size and one at half size, which holds the next level; their sum."""

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.depth = depth
        for level in range(1, depth + 1):
            for branch in ("b1", "b2", "b3"):
                self.add_module(f"{branch}_{level}", ResidualBlock(width, width))
        self.b2_plus_1 = ResidualBlock(width, width)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        return self._level(self.depth, x_BCHW)

    def _level(self, level: int, x_BCHW: torch.Tensor) -> torch.Tensor:
        full: torch.Tensor = self.dropout(self.get_submodule(f"b1_{level}")(x_BCHW))
        half = functional.max_pool2d(x_BCHW, kernel_size=2, stride=2)
        half = self.get_submodule(f"b2_{level}")(half)
        half = self._level(level - 1, half) if level > 1 else self.b2_plus_1(half)
        half = self.get_submodule(f"b3_{level}")(half)
        return full + functional.interpolate(half, size=full.shape[-2:], mode="bilinear", align_corners=False)


class FaceAlignmentNetwork(nn.Module):
    """One hourglass, its heat maps of facial landmarks, and a code [B, 512] read from them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = ResidualBlock(64, 128)
        self.conv3 = ResidualBlock(128, 128)
        self.conv4 = ResidualBlock(128, _WIDTH)
        self.m0 = Hourglass(_HOURGLASS_DEPTH, _WIDTH)
        self.top_m_0 = ResidualBlock(_WIDTH, _WIDTH)
        self.conv_last0 = nn.Conv2d(_WIDTH, _WIDTH, kernel_size=1)
        self.bn_end0 = nn.BatchNorm2d(_WIDTH)
        self.l0 = nn.Conv2d(_WIDTH, _HEAT_MAPS, kernel_size=1)
        self.bn5 = nn.BatchNorm2d(_HEAT_MAPS)
        self.conv6 = nn.Conv2d(_HEAT_MAPS, 1, kernel_size=3, stride=2, padding=1)
        self.fc = nn.Linear(_HEAT_SIDE * _HEAT_SIDE, _CODE)

    def forward(self, faces_BCHW: torch.Tensor) -> torch.Tensor:
        x = functional.relu(self.bn1(self.conv1(faces_BCHW)))
        x = functional.max_pool2d(self.conv2(x), kernel_size=2)
        x = self.conv4(self.conv3(x))
        x = self.top_m_0(self.m0(x))
        x = functional.relu(self.bn_end0(self.conv_last0(x)))
        heat = functional.relu(self.bn5(self.l0(x)))
        heat = functional.relu(self.conv6(heat))
        code: torch.Tensor = self.fc(heat.flatten(1))
        return code


class ExpressionEncoder(nn.Module):
    """The network and a head for each part; in evaluation mode when made, since nothing trains it here.

    `mouth_embed` is in the published weights and belongs to the state, though the features hold what comes
    before it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.model = FaceAlignmentNetwork()
        self.to_mouth = _part_code()
        self.mouth_embed = _part_features(_MOUTH_EMBEDDING)
        self.to_headpose = _part_code()
        self.headpose_embed = _part_features(FeaturePart.HEAD.size)
        self.to_eye = _part_code()
        self.eye_embed = _part_features(FeaturePart.EYES.size)
        self.to_emo = _part_code()
        self.emo_embed = _part_features(FeaturePart.EMOTION.size)
        self.eval()

    def forward(self, faces_BCHW: torch.Tensor) -> torch.Tensor:
        """Return the features [B, 554] of faces [B, 3, 224, 224], red first, values -1..1."""
        code = self.model(faces_BCHW)
        head = self.headpose_embed(self.to_headpose(code))
        eyes = self.eye_embed(self.to_eye(code))
        emotion = self.emo_embed(self.to_emo(code))
        mouth = self.to_mouth(code)
        return torch.cat((head, eyes, emotion, mouth), dim=1)


def _part_code() -> nn.Sequential:
    return nn.Sequential(nn.Linear(_CODE, _CODE), nn.ReLU(), nn.BatchNorm1d(_CODE), nn.Linear(_CODE, _CODE))


def _part_features(size: int) -> nn.Sequential:
    return nn.Sequential(nn.ReLU(), nn.Linear(_CODE, size))
