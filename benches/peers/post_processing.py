"""Largest component and hole filling on 512x512x400 in turn: SciPy, MONAI, and `cargo bench --bench post_processing`.

pip install numpy scipy nibabel torch monai. Call it from the root of the repository; what `cargo bench` is called with
beside that are the arguments."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel
import numpy
from monai.transforms import FillHoles, KeepLargestConnectedComponent
from scipy import ndimage

SHAPE = (512, 512, 400)


def phantom():
    """An organ with holes, another part, and dirt; axes are (x, y, z)."""
    random = numpy.random.default_rng(1)
    x, y, z = (numpy.linspace(0, 1, n, dtype=numpy.float32) for n in SHAPE)
    ball = lambda c, r: (x[:, None, None] - c[0]) ** 2 + (y[:, None] - c[1]) ** 2 + (z - c[2]) ** 2 < r * r
    noise = random.random(SHAPE, dtype=numpy.float32)
    organ = ball((0.4, 0.45, 0.5), 0.27) & ~ball((0.4, 0.5, 0.5), 0.03) & (noise > 5e-4)
    return (organ | ball((0.8, 0.8, 0.2), 0.08) | (noise < 5e-5)).astype(numpy.uint8)


def scipy_way(mask):
    labels, _ = ndimage.label(mask, numpy.ones((3, 3, 3)))
    sizes = numpy.bincount(labels.ravel())
    sizes[0] = 0
    return ndimage.binary_fill_holes(labels == sizes.argmax()).astype(numpy.uint8)


def monai_way(mask):
    largest = KeepLargestConnectedComponent(applied_labels=[1])(mask[None])
    return numpy.asarray(FillHoles(applied_labels=[1], connectivity=1)(largest))[0].astype(numpy.uint8)


def seconds_of(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def ours(folder, arguments):
    environment = dict(os.environ, MEDSEG_BENCH_MASK=f"{folder}/mask.nii", MEDSEG_BENCH_RESULT=f"{folder}/result.nii")
    command = ["cargo", "bench", "--bench", "post_processing", *arguments, "--", "largest"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", "target"))
    name = "criterion/post_processing/largest component and holes/new/estimates.json"
    estimates = json.loads((target / name).read_text())
    return estimates["median"]["point_estimate"] / 1e9


def main():
    mask = phantom()
    times = {"scipy": [], "monai": [], "medseg": []}
    with tempfile.TemporaryDirectory() as folder:
        nibabel.save(nibabel.Nifti1Image(mask, numpy.eye(4)), f"{folder}/mask.nii")
        for _ in range(2):
            times["medseg"].append(ours(folder, sys.argv[1:]))
            for name, way in [("scipy", scipy_way), ("monai", monai_way)]:
                seconds, expected = seconds_of(lambda: way(mask))
                times[name].append(seconds)
        result = numpy.asarray(nibabel.load(f"{folder}/result.nii").dataobj)
    print("equal to SciPy's:", bool((result == scipy_way(mask)).all()), "to MONAI's:", bool((result == expected).all()))
    for name, seconds in times.items():
        ratio = statistics.median(seconds) / statistics.median(times["medseg"])
        print(f"{name}: {statistics.median(seconds):.3f} s, {ratio:.1f} times medseg's")


if __name__ == "__main__":
    main()
