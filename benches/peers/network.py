"""The network of the experiments in PyTorch, as the benches measure it: residual blocks, instance norm, max-pool 3/2/1,
trilinear upsampling with aligned corners."""

import torch
from torch import nn


def conv_norm(inputs, outputs, kernel):
    conv = nn.Conv3d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.InstanceNorm3d(outputs))


class Residual(nn.Module):
    def __init__(self, inputs, outputs, dropout):
        super().__init__()
        self.first = nn.Sequential(conv_norm(inputs, outputs, 3), nn.Dropout3d(dropout), nn.ReLU(inplace=True))
        self.second = conv_norm(outputs, outputs, 3)
        self.shortcut = conv_norm(inputs, outputs, 1)

    def forward(self, x):
        return torch.relu_(self.second(self.first(x)) + self.shortcut(x))


class UNet(nn.Module):
    def __init__(self, channels, dropout=0.2):
        super().__init__()
        ins = [1, *channels[:-1]]
        self.down = nn.ModuleList(Residual(i, o, dropout) for i, o in zip(ins, channels))
        self.up = nn.ModuleList(Residual(a + b, a, dropout) for a, b in zip(channels[-2::-1], channels[:0:-1]))
        self.pool = nn.MaxPool3d(3, 2, 1)
        self.grow = nn.Upsample(scale_factor=2, mode="trilinear", align_corners=True)
        self.last = nn.Conv3d(channels[0], 1, 1, bias=False)

    def forward(self, x):
        skips = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else self.pool(x))
            skips.append(x)
        skips.pop()
        for block in self.up:
            x = block(torch.cat([skips.pop(), self.grow(x)], dim=1))
        return self.last(x)
