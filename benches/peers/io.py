"""Reading a CT of 512x512x300 int16 as float32 and writing its uint8 mask: medseg-volume, nibabel and SimpleITK taking
turns in one run. pip install nibabel SimpleITK numpy scipy; then python benches/peers/io.py [rounds [folder]];
files that are in the folder already are used again."""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

import nibabel
import numpy
import SimpleITK
from scipy import ndimage

from io_peer import Rust
SHAPE = (512, 512, 300)


def make_files(folder):
    """A body of noisy tissue in noisy air, and an organ with nodules in it; first axis fastest."""
    # Of other names: asked for ct.nii.gz, ITK reads a ct.nii that lies beside it.
    paths = {name: os.path.join(folder, name) for name in ["plain.nii", "packed.nii.gz", "mask.nii.gz"]}
    if all(os.path.exists(path) for path in paths.values()):
        return paths
    rng = numpy.random.default_rng(1)
    x, y = numpy.meshgrid(numpy.linspace(-1, 1, SHAPE[0]), numpy.linspace(-1, 1, SHAPE[1]), indexing="ij")
    body = (x**2 + (y * 1.3) ** 2 < 0.7)[..., None]
    noise = rng.standard_normal(SHAPE, dtype=numpy.float32)
    image = numpy.where(body, 40 + 12 * noise, -1000 + 4 * noise).astype(numpy.int16)
    # An organ of wavy outline in the middle half of the slices, and nodules in it.
    waves = ndimage.gaussian_filter(rng.standard_normal((64, 64, 38)).astype(numpy.float32), 3)
    waves = ndimage.zoom(waves / waves.std(), (8, 8, 300 / 38), order=1)
    z = numpy.linspace(-1, 1, SHAPE[2])
    distance = ((x + 0.3)[..., None] / 0.4) ** 2 + (y[..., None] / 0.45) ** 2 + (z / 0.5) ** 2 + 0.25 * waves
    organ = distance + 0.02 * noise < 1
    mask = organ.astype(numpy.uint8) + (organ & (waves > 1.5))
    affine = numpy.diag([-0.8, -0.8, 1.5, 1])
    order = lambda array: nibabel.Nifti1Image(numpy.asfortranarray(array), affine)
    nibabel.save(order(image), paths["plain.nii"])
    with open(paths["plain.nii"], "rb") as plain:
        # Level 6, as scanners' converters and most archives have it.
        subprocess.run(["gzip", "-6", "-c"], stdin=plain, stdout=open(paths["packed.nii.gz"], "wb"), check=True)
    nibabel.save(order(mask), paths["mask.nii.gz"])
    return paths


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    rust = Rust()
    folder = sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp()
    os.makedirs(folder, exist_ok=True)
    paths = make_files(folder)
    if rounds == 0:
        return
    loaded = nibabel.load(paths["mask.nii.gz"])
    mask, affine = numpy.asarray(loaded.dataobj), loaded.affine
    print({name: os.path.getsize(path) for name, path in paths.items()})
    rust.ask("label", paths["mask.nii.gz"])
    out = lambda name: os.path.join(folder, name + ".nii.gz")
    ordered = numpy.asfortranarray(mask)
    itk_mask = SimpleITK.GetImageFromArray(mask.T)
    contenders = {
        "write mask.nii.gz": {
            "medseg": lambda: float(rust.ask("write", out("medseg"))[0]),
            "nibabel": lambda: timed(lambda: nibabel.save(nibabel.Nifti1Image(ordered, affine), out("nibabel"))),
            "SimpleITK": lambda: timed(lambda: SimpleITK.WriteImage(itk_mask, out("SimpleITK"), True)),
        }
    }
    for name in ["packed.nii.gz", "plain.nii"]:
        path = paths[name]
        contenders[f"read {name} as f32"] = {
            "medseg": lambda path=path: float(rust.ask("read", path)[0]),
            "medseg, same memory": lambda path=path: float(rust.ask("again", path)[0]),
            "nibabel": lambda path=path: timed(lambda: nibabel.load(path).get_fdata(dtype=numpy.float32)),
            "SimpleITK": lambda path=path: timed(lambda: SimpleITK.ReadImage(path, SimpleITK.sitkFloat32)),
        }
    contenders["read plain.nii as f32"]["nibabel without mmap"] = lambda: timed(
        lambda: nibabel.load(paths["plain.nii"], mmap=False).get_fdata(dtype=numpy.float32)
    )
    times = {(task, name): [] for task, names in contenders.items() for name in names}
    for turn in range(rounds + 1):
        order = list(times)
        random.Random(turn).shuffle(order)
        for task, name in order:
            seconds = contenders[task][name]()
            if turn > 0:
                times[task, name].append(seconds)
    for task, names in contenders.items():
        ours = statistics.median(times[task, "medseg"])
        for name in names:
            median = statistics.median(times[task, name])
            print(f"{task:24} {name:22} {median:7.3f} s  {median / ours:5.2f} x medseg")
    for name in ["medseg", "nibabel", "SimpleITK"]:
        print(f"mask.nii.gz by {name}: {os.path.getsize(out(name))} bytes")
    for name in ["packed.nii.gz", "plain.nii"]:
        peak, result = rust.peak_mb(paths[name])
        print(f"peak memory of reading {name}: {peak:.0f} MiB for a result of {result:.0f} MiB")


if __name__ == "__main__":
    main()
