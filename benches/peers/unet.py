"""The network of the bench `unet` in PyTorch, in both memory formats: forward in f32 and under bf16 autocast, forward with
backward. `unet.py THREADS` times, `unet.py memory SIDE` prints the peak resident memory of a process with one forward pass."""

import resource
import sys

import torch

from network import UNet
from sliding_window import median_seconds

CHANNELS = [16, 32, 64, 128, 256]


def timed(side, layout):
    network = UNet(CHANNELS).to(memory_format=layout)
    x = torch.rand(1, 1, side, side, side).to(memory_format=layout)

    def forward():
        with torch.no_grad():
            return network(x)

    def forward_bf16():
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            return network(x)

    def step():
        network.zero_grad()
        network(x).mean().backward()

    network.eval()
    for name, run in [("forward", forward), ("forward bf16", forward_bf16)]:
        print(f"{side}^3 {name}, {layout}: {median_seconds(run):.3f} s", flush=True)
    network.train()
    print(f"{side}^3 forward and backward, {layout}: {median_seconds(step):.3f} s", flush=True)


def main():
    torch.manual_seed(1)
    if sys.argv[1:2] == ["memory"]:
        side = int(sys.argv[2])
        for layout in [torch.contiguous_format, torch.channels_last_3d][int(sys.argv[3]) if len(sys.argv) > 3 else 0 :][:1]:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            network = UNet(CHANNELS).to(memory_format=layout).eval()
            with torch.no_grad():
                network(torch.rand(1, 1, side, side, side).to(memory_format=layout))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            print(f"{side}^3 forward, {layout}: peak {peak / 1024:.0f} MiB, {before / 1024:.0f} MiB of it before")
        return
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else torch.get_num_threads())
    for side in [96, 128]:
        for layout in [torch.contiguous_format, torch.channels_last_3d]:
            timed(side, layout)


if __name__ == "__main__":
    main()
