"""A training step of the fine stage of the quick preset with MONAI and PyTorch, as the bench `train_step` takes it."""

import sys

import torch
from monai.losses import DiceLoss
from monai.optimizers import Novograd

from network import UNet
from sliding_window import median_seconds


def main():
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
