"""The network case of the bench `sliding_window` with MONAI and PyTorch: pip install torch monai."""

import statistics
import sys
import time

import torch
from monai.inferers import sliding_window_inference

from network import UNet


def median_seconds(work, runs=5):
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else torch.get_num_threads())
    torch.manual_seed(1)
    image = torch.rand(1, 1, 96, 128, 128)
    for layout in [torch.contiguous_format, torch.channels_last_3d]:
        network = UNet([8, 16, 32, 64, 128]).eval().to(memory_format=layout)
        predict = lambda x: network(x.to(memory_format=layout))
        with torch.inference_mode():
            seconds = median_seconds(lambda: sliding_window_inference(image, 64, 4, predict, overlap=0.25))
        voxels = image.numel() / seconds / 1e6
        print(f"{layout} {torch.get_num_threads()} threads: {seconds:.3f} s, {voxels:.2f} Mvoxel/s")


if __name__ == "__main__":
    main()
