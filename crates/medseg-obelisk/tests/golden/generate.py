"""Writes the files of weights in crates/medseg-obelisk/tests/golden/weights and the logits that PyTorch makes with them.

The network is the all-convolutional U-Net of the OBELISK article, written anew with few channels. Its input is a list of
numbers that the tests make themselves; of the logits every third voxel is stored along depth and height, every fifth along
the width. PyTorch's old format names its storages anew in every run, so that these files differ in their bytes.

Run from the repository's root, with torch, numpy and safetensors installed:

    python crates/medseg-obelisk/tests/golden/generate.py
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn
from torch.nn import functional

OUT = Path("crates/medseg-obelisk/tests/golden")
SHAPE = (32, 32, 64)
SMALL = ([2, 3, 4, 4, 5, 5], [4, 4, 3, 3, 2], 3)
TINY = ([1] * 6, [1] * 5, 2)
UPWARD = ["6dU", "6cU", "6bU", "6U", "7U"]


def noise(count, seed):
    """The numbers of medseg_testing::noise."""
    state, values = seed, []
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        values.append((state >> 40) / 2**24)
    return values


class Network(nn.Module):
    """Strided convolutions down; on the way up the lower level is enlarged and put before the skipped one."""

    def __init__(self, encoder, decoder, classes):
        super().__init__()
        self.unit("0", 1, encoder[0])
        for level in range(1, 6):
            self.unit(f"{level}", encoder[level - 1], encoder[level], stride=2)
            self.unit(f"{level}{level}", encoder[level], encoder[level])
        below = encoder[5]
        for step, name in enumerate(UPWARD):
            self.unit(name, below + encoder[4 - step], decoder[step])
            below = decoder[step]
        self.conv77U = nn.Conv3d(below, classes, 3, padding=1)

    def unit(self, name, channels, out, stride=1):
        self.add_module(f"conv{name}", nn.Conv3d(channels, out, 3, stride=stride, padding=1))
        self.add_module(f"batch{name}", nn.BatchNorm3d(out))

    def through(self, name, x):
        x = getattr(self, f"batch{name}")(getattr(self, f"conv{name}")(x))
        return functional.leaky_relu(x, 0.1)

    def forward(self, x):
        levels = [self.through("0", x)]
        for level in range(1, 6):
            levels.append(self.through(f"{level}{level}", self.through(f"{level}", levels[-1])))
        x = levels[5]
        for step, name in enumerate(UPWARD):
            x = functional.interpolate(x, scale_factor=2, mode="trilinear", align_corners=False)
            x = self.through(name, torch.cat([x, levels[4 - step]], 1))
        return self.conv77U(x)


def network(channels, seed, image):
    """Random weights, and statistics near those of the image but not equal to them."""
    torch.manual_seed(seed)
    made = Network(*channels)
    norms = [module for module in made.modules() if isinstance(module, nn.BatchNorm3d)]
    for norm in norms:
        norm.momentum = 1.0
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, -0.5, 0.5)
    with torch.no_grad():
        made.train()(image)
        for norm in norms:
            norm.running_mean += 0.3 * norm.running_var.sqrt() * torch.randn_like(norm.running_mean)
            norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.5, 2.0)
    return made.eval()


def save(name, value, old):
    path = OUT / "weights" / f"{name}.pth"
    path.parent.mkdir(exist_ok=True)
    torch.save(value, path, _use_new_zipfile_serialization=not old)


def main():
    values = np.array(noise(int(np.prod(SHAPE)), 7)) * 1400.0 - 1000.0
    image = torch.from_numpy(values.astype(np.float32).reshape(1, 1, *SHAPE))
    folds = [network(SMALL, seed, image) for seed in (1, 2)]
    save("fold1_old", folds[0].state_dict(), old=True)
    save("fold1_new", folds[0].state_dict(), old=False)
    save("fold2", {"epoch": 3, "state_dict": folds[1].state_dict()}, old=True)
    for number, fold in enumerate(folds, 1):
        with torch.no_grad():
            logits = fold(image)[0].numpy()
        tensors = {
            "logits": np.ascontiguousarray(logits[:, ::3, ::3, ::5]),
            "means": logits.astype(np.float64).mean(axis=(1, 2, 3)),
        }
        case = {"params": {"weights": f"fold{number}"}, "tolerance": {"rtol": 1e-4, "atol": 1e-4}}
        folder = OUT / "logits"
        folder.mkdir(exist_ok=True)
        save_file(tensors, folder / f"fold{number}.safetensors", metadata={"case": json.dumps(case)})
    tiny = network(TINY, 3, image).state_dict()
    save("tiny", tiny, old=True)
    save("wrong_shape", tiny | {"conv44.weight": torch.zeros(1, 2, 3, 3, 3)}, old=True)
    save("not_a_number", tiny | {"batch6bU.running_var": torch.tensor([float("nan")])}, old=True)
    save("other_network", {"fc.weight": torch.zeros(2, 3), "fc.bias": torch.zeros(2)}, old=True)


if __name__ == "__main__":
    main()
