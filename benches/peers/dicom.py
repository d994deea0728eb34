"""Reading a DICOM series: this project and SimpleITK, interleaved, and whether both see the same voxels and affine.

    cargo build --release -p medseg-volume --features dicom --example time_series
    python benches/peers/dicom.py FOLDER [target/release/examples/time_series] [--runs 15]

FOLDER holds one series. Needs SimpleITK and numpy. Prints the medians of the seconds of a reading, files warm in the
page cache; exits with 1 if voxels or affine differ.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk


def read_sitk(folder):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder))
    return reader.Execute()


def affine_of(image):
    """The affine from (i, j, k) to RAS+ millimetres."""
    direction = np.array(image.GetDirection()).reshape(3, 3)
    affine = np.c_[direction * np.array(image.GetSpacing()), np.array(image.GetOrigin())]
    return np.diag([-1.0, -1.0, 1.0]) @ affine


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("program", nargs="?", default="target/release/examples/time_series")
    parser.add_argument("--runs", type=int, default=15)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / "voxels.f32"
        ours = subprocess.Popen([args.program, args.folder, output], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = ours.stdout.readline().split()
        voxels = np.fromfile(output, "<f4").reshape([int(n) for n in line[:3]])
        affine = np.array(line[3:], float).reshape(3, 4)
        image = read_sitk(args.folder)
        same = np.array_equal(voxels, sitk.GetArrayFromImage(image).astype("<f4"))
        off = np.abs(affine - affine_of(image)).max()
        times = {"medseg": [], "SimpleITK": []}
        for _ in range(args.runs):
            ours.stdin.write("\n")
            ours.stdin.flush()
            times["medseg"].append(float(ours.stdout.readline()))
            start = time.perf_counter()
            read_sitk(args.folder)
            times["SimpleITK"].append(time.perf_counter() - start)
        ours.stdin.close()
        ours.wait()
    print(f"{voxels.shape} voxels equal: {same}; largest difference of the affines: {off:.3g} mm")
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    for name, seconds in medians.items():
        print(f"{name:10} {1e3 * seconds:8.1f} ms (least {1e3 * min(times[name]):.1f})")
    print(f"SimpleITK / medseg: {medians['SimpleITK'] / medians['medseg']:.2f}")
    sys.exit(0 if same and off < 1e-6 else 1)


if __name__ == "__main__":
    main()
