"""A training step of the fine stage of the quick preset with MONAI and PyTorch, as the bench `train_step` takes it.

`train_step.py THREADS` times it. `train_step.py memory SIDE [checkpointing] [channels_last]` takes two steps with the network
of the experiments on four crops of that side and prints the process's peak resident memory; with `checkpointing` every block's
maps are computed again in the backward pass (torch.utils.checkpoint)."""

import resource
import sys
import time
from functools import partial

import torch
from monai.losses import DiceLoss
from monai.optimizers import Novograd
from torch.utils.checkpoint import checkpoint

from network import Residual, UNet
from sliding_window import median_seconds


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory(side, options):
    before = peak_mib()
    layout = torch.channels_last_3d if "channels_last" in options else torch.contiguous_format
    torch.manual_seed(1)
    image = torch.rand(4, 1, side, side, side)
    label = (image > 0.5).float()
    image = image.to(memory_format=layout)
    network = UNet([16, 32, 64, 128, 256]).to(memory_format=layout)
    if "checkpointing" in options:
        for block in network.modules():
            if isinstance(block, Residual):
                block.forward = partial(checkpoint, block.forward, use_reentrant=False)
    optimizer = Novograd(network.parameters(), lr=0.001, betas=(0.9, 0.98))
    loss = DiceLoss(sigmoid=True)
    for number in [1, 2]:
        started = time.perf_counter()
        optimizer.zero_grad()
        value = loss(network(image), label)
        value.backward()
        optimizer.step()
        print(f"4 x {side}^3 {options}, step {number}: {time.perf_counter() - started:.1f} s, loss {value.item():.4f}, "
              f"peak {peak_mib():.0f} MiB, {before:.0f} MiB of it before", flush=True)


def main():
    if sys.argv[1:2] == ["memory"]:
        return memory(int(sys.argv[2]), sys.argv[3:])
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else torch.get_num_threads())
    torch.manual_seed(1)
    image = torch.rand(4, 1, 48, 48, 48)
    label = (image > 0.5).float()
    for layout in [torch.contiguous_format, torch.channels_last_3d]:
        network = UNet([8, 16, 32, 64, 128], dropout=0.1).to(memory_format=layout)
        optimizer = Novograd(network.parameters(), lr=0.001, betas=(0.9, 0.98))
        loss = DiceLoss(sigmoid=True)

        def step():
            optimizer.zero_grad()
            value = loss(network(image.to(memory_format=layout)), label)
            value.backward()
            optimizer.step()
            return value.item()

        print(f"{layout} {torch.get_num_threads()} threads: {median_seconds(step):.3f} s a step")


if __name__ == "__main__":
    main()
