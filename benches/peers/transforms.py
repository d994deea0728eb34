"""The rows of the bench `transforms` of medseg-transforms against MONAI's transforms, taking turns.

`cargo bench -p medseg-transforms --bench transforms --no-run` prints the program's path, then
`transforms.py THREADS PATH [ROW ...]`.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel
import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import (
    Compose,
    LoadImaged,
    Rand3DElasticd,
    RandCropByPosNegLabeld,
    Resize,
    ScaleIntensityRanged,
    Spacing,
    SpatialPadd,
)

RUNS = 15
CT = (512, 512, 200)
AFFINE = np.diag([0.8, 0.8, 2.5, 1.0])


def volume(shape):
    x, y, z = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in shape), indexing="ij", sparse=True)
    return ((z * 7 + y * 13 + x * 31) % 257 / 257 + np.sin(0.05 * x)).astype(np.float32)


def write_case(folder):
    """A body with noise as int16, and an organ in it."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in CT), indexing="ij", sparse=True)
    noise = np.random.default_rng(1).normal(0, 20, CT)
    image = np.where(x * x + y * y < 0.6, 40 + 60 * np.sin(5 * x) * np.cos(4 * y) + 20 * z, -1000) + noise
    label = (x + 0.3) ** 2 + y * y + (z / 1.5) ** 2 < 0.08
    paths = folder / "image.nii.gz", folder / "label.nii.gz"
    nibabel.save(nibabel.Nifti1Image(image.astype(np.int16), AFFINE), paths[0])
    nibabel.save(nibabel.Nifti1Image(label.astype(np.uint8), AFFINE), paths[1])
    return paths


def resize():
    image, transform = torch.from_numpy(volume(CT))[None], Resize((128,) * 3, mode="trilinear")
    return lambda: transform(image)


def spacing():
    image = MetaTensor(torch.from_numpy(volume(CT))[None], affine=torch.from_numpy(AFFINE))
    transform = Spacing((1.5,) * 3, mode="bilinear", padding_mode="border", dtype=np.float32)
    return lambda: transform(image)


def deformation():
    image = torch.from_numpy(volume((128,) * 3))[None]
    x, y, z = (np.arange(128) // 16,) * 3
    label = torch.from_numpy(((x[:, None, None] + y[:, None] + z) % 3 == 0).astype(np.uint8))[None]
    transform = Rand3DElasticd(
        ["image", "label"],
        sigma_range=(6, 6),
        magnitude_range=(100, 200),
        prob=1.0,
        rotate_range=(0.5,) * 3,
        scale_range=(0.2,) * 3,
        mode=["bilinear", "nearest"],
        padding_mode="border",
    )
    return lambda: transform({"image": image, "label": label})


def crops(image, label):
    keys = ["image", "label"]
    transform = Compose(
        [
            LoadImaged(keys, ensure_channel_first=True),
            ScaleIntensityRanged(["image"], -300, 300, 0.0, 1.0, clip=True),
            SpatialPadd(keys, (128,) * 3),
            RandCropByPosNegLabeld(keys, "label", (128,) * 3, pos=1, neg=1, num_samples=4),
        ]
    )
    return lambda: transform({"image": str(image), "label": str(label)})


def main():
    threads, program, wanted = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    torch.set_num_threads(threads)
    environment = dict(os.environ, MEDSEG_BENCH_SERVE="1", RAYON_NUM_THREADS=str(threads))
    ours = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def ask(line):
        ours.stdin.write(line + "\n")
        ours.stdin.flush()
        return float(ours.stdout.readline())

    with tempfile.TemporaryDirectory() as folder:
        rows = {"resize": resize, "spacing": spacing, "deformation": deformation, "crops": None}
        for name in wanted or rows:
            line, make = name, rows[name]
            if name == "crops":
                image, label = write_case(Path(folder))
                line, make = f"crops\t{image}\t{label}", lambda: crops(image, label)
            theirs = make()
            theirs(), ask(line)
            times = ([], [])
            for _ in range(RUNS):
                start = time.perf_counter()
                theirs()
                times[0].append(time.perf_counter() - start)
                times[1].append(ask(line))
            monai, medseg = map(statistics.median, times)
            print(f"{name}: MONAI {monai * 1e3:.1f} ms, medseg {medseg * 1e3:.1f} ms, {monai / medseg:.2f} times", flush=True)
    ours.stdin.close()
    ours.wait()


if __name__ == "__main__":
    main()
