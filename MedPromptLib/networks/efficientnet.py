"""EfficientNet encoders (Tan and Le 2019): B0 with torchvision's parameter names, and its lite0 variant.

lite0 is B0 without squeeze-and-excitation, with ReLU6 for SiLU, and with TensorFlow's `SAME` padding, which its public
ImageNet weights were trained with. Parameter names follow torchvision's `efficientnet_b0().features`, so that state
dicts made with it load unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# expansion, kernel, stride of the first block, output channels, blocks: table 1 of Tan and Le 2019
B0_STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280


class SamePadConv2d(nn.Conv2d):
    """Convolution padded as TensorFlow's `SAME`: an odd pixel of padding goes to the right and bottom."""

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → (n, c', ⌈h/stride⌉, ⌈w/stride⌉)."""
        stride, kernel = self.stride[0], self.kernel_size[0]
        if stride == 1:
            return F.conv2d(x, self.weight, self.bias, 1, kernel // 2, 1, self.groups)
        pads = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:]]
        x = F.pad(x, (pads[1] // 2, pads[1] - pads[1] // 2, pads[0] // 2, pads[0] - pads[0] // 2))
        return F.conv2d(x, self.weight, self.bias, stride, 0, 1, self.groups)


def conv_norm_act(
    channels_in: int, channels_out: int, kernel: int, stride: int, groups: int, *, lite: bool, activate: bool = True
) -> nn.Sequential:
    """Convolution, batch norm and, if asked for, the variant's activation, under the names 0, 1, 2."""
    if lite:
        conv: nn.Conv2d = SamePadConv2d(channels_in, channels_out, kernel, stride, groups=groups, bias=False)
    else:
        conv = nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    layers: list[nn.Module] = [conv, nn.BatchNorm2d(channels_out, eps=1e-3 if lite else 1e-5)]
    if activate:
        layers.append(nn.ReLU6(inplace=True) if lite else nn.SiLU(inplace=True))
    return nn.Sequential(*layers)


class SqueezeExcitation(nn.Module):
    """Channel gate of Hu et al. 2018 with torchvision's parameter names."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → the same shape."""
        gate = F.silu(self.fc1(F.adaptive_avg_pool2d(x, 1)))
        return x * torch.sigmoid(self.fc2(gate))


class MBConv(nn.Module):
    """Inverted residual block with stochastic depth."""

    def __init__(
        self, channels_in: int, channels_out: int, expansion: int, kernel: int, stride: int, drop: float, *, lite: bool
    ) -> None:
        super().__init__()
        hidden = channels_in * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers.append(conv_norm_act(channels_in, hidden, 1, 1, 1, lite=lite))
        layers.append(conv_norm_act(hidden, hidden, kernel, stride, hidden, lite=lite))
        if not lite:
            layers.append(SqueezeExcitation(hidden, max(1, channels_in // 4)))
        layers.append(conv_norm_act(hidden, channels_out, 1, 1, 1, lite=lite, activate=False))
        self.block = nn.Sequential(*layers)
        self.drop = drop
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → (n, c', h/stride, w/stride)."""
        out: Tensor = self.block(x)
        if not self.residual:
            return out
        if self.training and self.drop:
            keep = torch.rand(len(out), 1, 1, 1, device=out.device) >= self.drop
            out = out * keep / (1 - self.drop)
        return x + out


def efficientnet_stages(*, lite: bool, stages: int = 7, head: bool = True, drop: float = 0.2) -> list[nn.Module]:
    """Stem, the first `stages` of the seven stages and, if asked for, the 1×1 head: torchvision's `features`.

    Args:
        lite: lite0 instead of B0.
        drop: stochastic-depth rate of the deepest block; it grows linearly with depth.
    """
    modules: list[nn.Module] = [conv_norm_act(3, STEM_CHANNELS, 3, 2, 1, lite=lite)]
    total = sum(stage[4] for stage in B0_STAGES)
    channels, index = STEM_CHANNELS, 0
    for expansion, kernel, stride, width, blocks in B0_STAGES[:stages]:
        stage = []
        for block in range(blocks):
            stage.append(
                MBConv(channels, width, expansion, kernel, stride if block == 0 else 1, drop * index / total, lite=lite)
            )
            channels, index = width, index + 1
        modules.append(nn.Sequential(*stage))
    if head:
        modules.append(conv_norm_act(channels, HEAD_CHANNELS, 1, 1, 1, lite=lite))
    return modules


def rename_lite0(names: Iterable[str]) -> dict[str, str]:
    """Parameter names of the PyPI lite0 file → this module's, under the prefix-free `features` numbering."""
    starts = []
    first = 0
    for _, _, _, _, blocks in B0_STAGES:
        starts.append(first)
        first += blocks
    renamed = {}
    for name in names:
        head, _, rest = name.partition(".")
        if head in ("_conv_stem", "_bn0"):
            renamed[name] = f"0.{0 if head == '_conv_stem' else 1}.{rest}"
        elif head in ("_conv_head", "_bn1"):
            renamed[name] = f"8.{0 if head == '_conv_head' else 1}.{rest}"
        elif head == "_blocks":
            index, layer, parameter = rest.split(".", 2)
            stage = max(s for s, start in enumerate(starts) if start <= int(index))
            expanded = B0_STAGES[stage][0] != 1
            part = {"_expand_conv": (0, 0), "_bn0": (0, 1), "_depthwise_conv": (1, 0), "_bn1": (1, 1)}.get(layer)
            if part is None:
                part = (2, 0) if layer == "_project_conv" else (2, 1)
            position = part[0] if expanded else part[0] - 1
            renamed[name] = f"{stage + 1}.{int(index) - starts[stage]}.block.{position}.{part[1]}.{parameter}"
    return renamed
