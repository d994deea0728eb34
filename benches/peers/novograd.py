"""The optimizer step of the bench `novograd` of medseg-optim with MONAI's Novograd. `novograd.py THREADS`."""

import sys

import torch
from monai.optimizers import Novograd

from sliding_window import median_seconds

CHANNELS = [16, 32, 64, 128, 256]


def shapes():
    down = list(zip([1, *CHANNELS], CHANNELS))
    up = [(a + b, a) for a, b in zip(CHANNELS, CHANNELS[1:])][::-1]
    for inputs, outputs in down + up:
        yield from [(outputs, inputs, 3), (outputs, outputs, 3), (outputs, inputs, 1)]
    yield 1, 16, 1


def main():
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else torch.get_num_threads())
    torch.manual_seed(1)
    kernels = [torch.nn.Parameter(0.1 * torch.randn(o, i, s, s, s)) for o, i, s in shapes()]
    for kernel in kernels:
        kernel.grad = torch.randn_like(kernel)
    count = sum(kernel.numel() for kernel in kernels)
    for decay in [0.0, 1e-4]:
        optimizer = Novograd(kernels, lr=1e-3, weight_decay=decay)
        print(f"{count} parameters, weight decay {decay}: {median_seconds(optimizer.step, 20) * 1e3:.2f} ms")


if __name__ == "__main__":
    main()
