"""The rows of the bench `components` of medseg-transforms against scipy and MONAI, taking turns.

`cargo bench -p medseg-transforms --bench components --no-run` prints the program's path, then
`components.py THREADS PATH [ROW ...]`. (MONAI's own KeepLargestConnectedComponent labels with scikit-image and counts
with numpy; scipy's labelling stands for it.)
"""

import os
import statistics
import subprocess
import sys
import time

import numpy as np
import torch
from monai.transforms import (
    AdjustContrast,
    ClipIntensityPercentiles,
    GaussianSmooth,
    HistogramNormalize,
    NormalizeIntensity,
    RandGaussianNoise,
)
from scipy import ndimage

RUNS = 5
CT = (200, 512, 512)


def indices(dtype):
    return np.meshgrid(*(np.arange(n, dtype=dtype) for n in CT), indexing="ij", sparse=True)


def make_mask():
    """A wavy organ with holes and specks, as in the bench."""
    d, h, w = indices(np.float64)
    z, y, x = (d - 100) / 70, (h - 256) / 160, (w - 220) / 150
    waves = 0.1 * np.sin(9 * x) * np.cos(8 * y) + 0.05 * np.sin(7 * z)
    d, h, w = indices(np.int64)
    return (np.sqrt(z * z + y * y + x * x) < 0.9 + waves) != ((d * 31 + h * 17 + w * 7) % 1009 < 3)


def make_image():
    """Air and tissue of whole numbers, as in the bench."""
    d, h, w = indices(np.int64)
    noise = (d * 131 + h * 71 + w * 37) % 211 - 105.0
    y, x = (h - 256) / 200, (w - 256) / 240
    image = np.where(y * y + x * x < 1, 40 + 60 * np.sin(5 * x) + noise, -1000 + noise / 10)
    return torch.from_numpy(np.round(image).astype(np.float32))[None]


def largest(mask, structure):
    labels, _ = ndimage.label(mask, structure)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == sizes.argmax()


def main():
    threads, program, wanted = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    torch.set_num_threads(threads)
    mask, image = make_mask(), make_image()
    everything = np.ones((3, 3, 3), bool)
    rows = {
        "largest component, 6": lambda: largest(mask, None),
        "largest component, 26": lambda: largest(mask, everything),
        "all components, 26": lambda: ndimage.label(mask, everything),
        "fill holes": lambda: ndimage.binary_fill_holes(mask),
        "percentile clip": lambda: ClipIntensityPercentiles(5, 95)(image),
        "z-score": lambda: NormalizeIntensity(nonzero=True)(image),
        "histogram normalise": lambda: HistogramNormalize()(image),
        "gaussian blur": lambda: GaussianSmooth(1.0)(image),
        "gaussian noise": lambda: RandGaussianNoise(prob=1.0, std=20, sample_std=False)(image),
        "gamma": lambda: AdjustContrast(0.8)(image),
    }
    environment = dict(os.environ, MEDSEG_BENCH_SERVE="1", RAYON_NUM_THREADS=str(threads))
    ours = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def ask(line):
        ours.stdin.write(line + "\n")
        ours.stdin.flush()
        return float(ours.stdout.readline())

    for name in wanted or rows:
        times = ([], [])
        ask(name)
        for _ in range(RUNS):
            start = time.perf_counter()
            rows[name]()
            times[0].append(time.perf_counter() - start)
            times[1].append(ask(name))
        peer, medseg = map(statistics.median, times)
        print(f"{name}: peer {peer * 1e3:.1f} ms, medseg {medseg * 1e3:.1f} ms, {peer / medseg:.1f} times", flush=True)
    ours.stdin.close()
    ours.wait()


if __name__ == "__main__":
    main()
