"""DeepFusionLab: the network of the MedPrompt paper, exactly, and a lean variant that ships.

Source of the exact architecture: the authors' released code (repository ShadmanSobhan/MedPrompt) for arXiv 2506.21199.
Attribute names are theirs, so that their state dicts load. The code keeps EfficientNet-B0's strides, so the high-level
features lie at 1/32 of the input; the paper's figure shows 1/16.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .efficientnet import B0_STAGES, HEAD_CHANNELS, efficientnet_stages

LOW_PROJECTION = 48


def resize(x: Tensor, size: Sequence[int], *, corners: bool = True) -> Tensor:
    """Bilinear resize of (n, c, h, w); the paper's code aligns corners everywhere."""
    return F.interpolate(x, size=list(size), mode="bilinear", align_corners=corners)


def conv_bn_relu(channels_in: int, channels_out: int, kernel: int = 1, *, bias: bool = False) -> nn.Sequential:
    """Convolution, batch norm, ReLU; the size stays."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=bias),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


class SeparableConv2d(nn.Module):
    """Depthwise 3×3 convolution, then a pointwise one."""

    def __init__(self, channels_in: int, channels_out: int, dilation: int = 1) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(
            channels_in, channels_in, 3, padding=dilation, dilation=dilation, groups=channels_in, bias=False
        )
        self.pointwise = nn.Conv2d(channels_in, channels_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → (n, c', h, w)."""
        out: Tensor = self.pointwise(self.depthwise(x))
        return out


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling (Chen et al. 2018) with depthwise-separable branches."""

    def __init__(self, channels_in: int, channels_out: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        branches: list[nn.Module] = [conv_bn_relu(channels_in, channels_out)]
        for rate in rates:
            separable = SeparableConv2d(channels_in, channels_out, rate)
            branches.append(nn.Sequential(separable, nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True)))
        branches.append(nn.Sequential(nn.AdaptiveAvgPool2d(1), *conv_bn_relu(channels_in, channels_out)))
        self.convs = nn.ModuleList(branches)
        self.project = nn.Sequential(*conv_bn_relu(len(branches) * channels_out, channels_out), nn.Dropout2d(0.5))

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) → (n, c', h, w)."""
        parts = [branch(x) for branch in self.convs]
        parts[-1] = parts[-1].expand_as(parts[0])  # a resized single pixel is that pixel everywhere
        out: Tensor = self.project(torch.cat(parts, dim=1))
        return out


class MFFBlock(nn.Module):
    """Multi-level feature fusion: low and high level added, mixed, and gated per channel."""

    def __init__(self, channels_low: int, channels_high: int, channels_out: int) -> None:
        super().__init__()
        self.low_proj = nn.Conv2d(channels_low, channels_out, 1, bias=False)
        self.high_proj = nn.Conv2d(channels_high, channels_out, 1, bias=False)
        self.fusion = conv_bn_relu(channels_out, channels_out, 3)
        self.se = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels_out, channels_out // 8, 1),
            nn.ReLU(),
            nn.Conv2d(channels_out // 8, channels_out, 1),
            nn.Sigmoid(),
        )

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        """(n, c_low, h, w) and (n, c_high, h', w') → (n, c, h, w)."""
        x = self.fusion(self.low_proj(low) + self.high_proj(resize(high, low.shape[2:])))
        out: Tensor = x * self.se(x)
        return out


class CAFSEBlock(nn.Module):
    """Cross-attention-like fusion: coarse ASPP features, gated by the decoder, added to it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.coarse = conv_bn_relu(channels, channels, 3, bias=True)
        self.fine = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels), nn.Sigmoid())

    def forward(self, decoded: Tensor, aspp: Tensor) -> Tensor:
        """(n, c, h, w) and (n, c, h', w') → (n, c, h, w)."""
        out: Tensor = decoded + self.coarse(resize(aspp, decoded.shape[2:])) * self.fine(decoded)
        return out


class Decoder(nn.Module):
    """Fused features narrowed, joined with the low level and mixed by two separable convolutions."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv1 = conv_bn_relu(channels_in, LOW_PROJECTION)
        self.fuse = nn.Sequential(
            SeparableConv2d(2 * LOW_PROJECTION, channels_out),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
            SeparableConv2d(channels_out, channels_out),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
            nn.Dropout2d(0.3),
        )

    def forward(self, x: Tensor, low: Tensor) -> Tensor:
        """(n, c, h', w') and (n, 48, h, w) → (n, c', h, w)."""
        out: Tensor = self.fuse(torch.cat([self.conv1(resize(x, low.shape[2:])), low], dim=1))
        return out


class DeepFusionLab(nn.Module):
    """The paper's network with both heads.

    Input is (n, 3, 256, 256) RGB in 0 to 255 without further normalisation, as the authors trained it. Mode 1 returns
    segmentation scores (n, num_classes_seg, h, w), mode 0 classification logits (n, num_classes_cls). The authors apply
    a sigmoid to the segmentation scores and take the larger channel; `forward` returns the scores before it, whose
    order is the same.
    """

    def __init__(
        self, num_classes_seg: int = 2, num_classes_cls: int = 2, mode: Literal[0, 1] = 1, output_stride: int = 16
    ) -> None:
        super().__init__()
        self.mode = mode
        features = efficientnet_stages(lite=False)
        cut, low_channels, rates = (3, 24, (6, 12, 18)) if output_stride == 16 else (2, 16, (12, 24, 36))
        self.low_level = nn.Sequential(*features[:cut])
        self.high_level = nn.Sequential(*features[cut:])
        self.low_proj = conv_bn_relu(low_channels, LOW_PROJECTION)
        self.aspp = ASPP(HEAD_CHANNELS, 256, rates)
        self.mff = MFFBlock(LOW_PROJECTION, 256, 256)
        self.decoder = Decoder(256, 256)
        self.cafse = CAFSEBlock(256)
        self.final_conv = nn.Conv2d(256, num_classes_seg, 1)
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(HEAD_CHANNELS, 512),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(512, num_classes_cls),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) → (n, classes, h, w) in mode 1, (n, classes) in mode 0."""
        low = self.low_level(x)
        high = self.high_level(low)
        if self.mode == 0:
            logits: Tensor = self.classifier(high)
            return logits
        low = self.low_proj(low)
        aspp = self.aspp(high)
        decoded = self.cafse(self.decoder(self.mff(low, aspp), low), aspp)
        return resize(self.final_conv(decoded), x.shape[2:])


class DetailPath(nn.Module):
    """From decoded features at 1/4 to features at full resolution, with the image itself joined in at 1/2 and 1/1."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.at_full = nn.Sequential(conv_bn_relu(3, channels, 3), conv_bn_relu(channels, channels, 3))
        self.at_half = nn.Sequential(nn.MaxPool2d(2), conv_bn_relu(channels, 2 * channels, 3))
        self.from_decoded = conv_bn_relu(channels_in, 2 * channels)
        self.mix_half = nn.Sequential(
            conv_bn_relu(4 * channels, 2 * channels, 3), conv_bn_relu(2 * channels, channels, 3)
        )
        self.mix_full = nn.Sequential(conv_bn_relu(2 * channels, channels, 3), conv_bn_relu(channels, channels, 3))

    def forward(self, decoded: Tensor, image: Tensor) -> Tensor:
        """(n, c_in, h/4, w/4) and (n, 3, h, w) → (n, c, h, w)."""
        full = self.at_full(image)
        half = self.at_half(full)
        coarse = resize(self.from_decoded(decoded), half.shape[2:], corners=False)
        mixed = self.mix_half(torch.cat([coarse, half], dim=1))
        out: Tensor = self.mix_full(torch.cat([resize(mixed, full.shape[2:], corners=False), full], dim=1))
        return out


class LeanFusionLab(nn.Module):
    """DeepFusionLab on an EfficientNet-lite0, with only the head its task needs. Ours, not the paper's.

    Differences: lite0 for B0; the segmentation path drops the encoder's last stage and head, and its ASPP sees the
    features at 1/32 together with those at 1/16 (the resolution the paper's figure draws); narrower decoder; corners
    are not aligned; the classifier is one linear layer.

    Input is (n, 3, h, w) with h and w multiples of 32, normalised as the card says. Output: (n, classes, h, w) scores
    over background and structures, or (n, classes) logits.

    Args:
        detail: above 0, scores are made at the input's own resolution instead of a quarter of it, by that many channels
            of plain convolutions joined in; for structures a few pixels wide.
        stages: classification: 5 to 7 for only that many of the encoder's stages and no head, and a classifier that
            reads the mean and the largest of their features; for findings that are small in the image.
    """

    def __init__(
        self,
        task: Literal["segmentation", "classification"],
        classes: int,
        width: int = 128,
        detail: int = 0,
        stages: int = 0,
    ) -> None:
        super().__init__()
        self.task = task
        self.focal = stages > 0
        segmentation = task == "segmentation"
        features = efficientnet_stages(
            lite=True, stages=6 if segmentation else stages or 7, head=not segmentation and not self.focal
        )
        self.low_level = nn.Sequential(*features[:3])
        self.mid_level = nn.Sequential(*features[3:6])
        self.high_level = nn.Sequential(*features[6:])
        if segmentation:
            self.low_proj = conv_bn_relu(24, LOW_PROJECTION)
            self.aspp = ASPP(112 + 192, width, (3, 6, 9))
            self.mff = MFFBlock(LOW_PROJECTION, width, width)
            self.decoder = Decoder(width, width)
            self.cafse = CAFSEBlock(width)
            self.detail = DetailPath(width, detail) if detail else None
            self.final_conv = nn.Conv2d(detail or width, classes, 1)
        else:
            self.channels = B0_STAGES[stages - 1][3] if self.focal else HEAD_CHANNELS
            read = 2 * self.channels if self.focal else self.channels
            self.classifier = nn.Sequential(nn.Dropout(0.3), nn.Linear(read, classes))

    def features(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(n, 3, h, w) → features at 1/4 (24 channels), 1/16 (112) and 1/32 (192, or `channels` for classification)."""
        low = self.low_level(x)
        mid = self.mid_level(low)
        return low, mid, self.high_level(mid)

    def classify(self, high: Tensor) -> Tensor:
        """(n, channels, h, w) → (n, classes)."""
        pooled = high.mean(dim=(2, 3))
        if self.focal:
            pooled = torch.cat([pooled, high.amax(dim=(2, 3))], dim=1)
        logits: Tensor = self.classifier(pooled)
        return logits

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) → (n, classes, h, w) or (n, classes)."""
        low, mid, high = self.features(x)
        if self.task == "classification":
            return self.classify(high)
        aspp = self.condense(mid, high)
        return self.score(self.decode(low, aspp), x)

    def condense(self, mid: Tensor, high: Tensor) -> Tensor:
        """Features at 1/16 (112 channels) and 1/32 (192) → (n, width, h/16, w/16)."""
        out: Tensor = self.aspp(torch.cat([mid, resize(high, mid.shape[2:], corners=False)], dim=1))
        return out

    def decode(self, low: Tensor, aspp: Tensor) -> Tensor:
        """Features at 1/4 (24 channels) and what `condense` gives → (n, width, h/4, w/4)."""
        low = self.low_proj(low)
        out: Tensor = self.cafse(self.decoder(self.mff(low, aspp), low), aspp)
        return out

    def score(self, decoded: Tensor, x: Tensor) -> Tensor:
        """What `decode` gives, and the image (n, 3, h, w) → (n, classes, h, w)."""
        if self.detail is not None:
            scores: Tensor = self.final_conv(self.detail(decoded, x))
            return scores
        return resize(self.final_conv(decoded), x.shape[2:], corners=False)
