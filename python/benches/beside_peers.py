"""Times of this module beside those of nibabel, SimpleITK's axes aside, scipy and MONAI, in one process and in turns.

    python python/benches/beside_peers.py [ROUNDS]

Prints for each task the least time of both over the rounds and their ratio, and checks that both give the same. The image is
made here: a CT-like volume of 256 x 256 x 128 voxels with organs of smooth shapes, as int16 in a .nii.gz that nibabel wrote.
"""

import pathlib
import sys
import tempfile
import time

import nibabel
import numpy as np
import torch
from monai.inferers import sliding_window_inference
from monai.metrics import compute_average_surface_distance, compute_dice, compute_hausdorff_distance
from monai.transforms import KeepLargestConnectedComponent, Orientation, Spacing
from monai.data import MetaTensor
from scipy import ndimage

import medseg
from medseg import transforms

SHAPE, SPACING = (256, 256, 128), (0.8, 0.8, 1.5)


def case():
    """An image with noise, a label map of three organs, and a prediction that is a little off."""
    rng = np.random.default_rng(1)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n, dtype="float32") for n in SHAPE), indexing="ij")
    labels = np.zeros(SHAPE, "uint8")
    for number, (cx, cy, cz, r) in enumerate([(-0.3, 0, 0, 0.45), (0.5, 0.1, 0.2, 0.25), (0.1, -0.5, -0.3, 0.2)], 1):
        wave = 0.05 * np.sin(9 * x + 7 * y) * np.cos(8 * z)
        labels[((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2) ** 0.5 + wave < r] = number
    body = x**2 + y**2 < 0.9
    image = np.where(body, 40 + 30.0 * labels, -1000) + rng.normal(0, 15, SHAPE) * body
    predicted = np.roll(labels, (2, 1, 0), (0, 1, 2))
    predicted[rng.random(SHAPE) < 0.0005] = 1
    return image.astype("int16"), labels, predicted


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    folder = pathlib.Path(tempfile.mkdtemp())
    image, labels, predicted = case()
    affine = np.diag([*(-s for s in SPACING[:2]), SPACING[2], 1.0])
    path, label_path = folder / "ct.nii.gz", folder / "labels.nii.gz"
    nibabel.save(nibabel.Nifti1Image(image, affine), path)
    nibabel.save(nibabel.Nifti1Image(labels, affine), label_path)
    volume, floats = medseg.read_image(path), image.astype("float32")
    p, r = predicted == 1, labels == 1
    tensors = [torch.from_numpy(mask)[None, None] for mask in (p, r)]
    one_hot = [torch.from_numpy(np.stack([of == n for n in range(1, 4)]))[None] for of in (predicted, labels)]
    meta = MetaTensor(torch.from_numpy(floats)[None], affine=torch.from_numpy(affine))
    preprocess = medseg.Pipeline([transforms.orientation("RAS"), transforms.spacing((1.5, 1.5, 2.0))])
    orientation, spacing = Orientation(axcodes="RAS", labels=None), Spacing((1.5, 1.5, 2.0), mode="bilinear")
    kernel = torch.nn.Conv3d(1, 2, 1)

    def linear(windows):
        with torch.no_grad():
            return kernel(windows)

    def read_nibabel(of, dtype):
        return np.asarray(nibabel.load(of).dataobj, dtype=dtype)

    def table_monai():
        kinds = dict(include_background=True, spacing=SPACING)
        return [
            compute_dice(*one_hot).numpy(),
            compute_hausdorff_distance(*one_hot, percentile=95, **kinds).numpy(),
            compute_average_surface_distance(*one_hot, symmetric=True, **kinds).numpy(),
        ]

    def table_medseg():
        rows = medseg.scores(predicted, labels, SPACING)
        return [np.array([[row[name] for row in rows]]) for name in ("dice", "hd95_mm", "assd_mm")]

    def write_nibabel():
        nibabel.save(nibabel.Nifti1Image(labels, affine), folder / "a.nii.gz")
        return labels

    def write_medseg():
        medseg.write_label(folder / "b.nii.gz", volume.with_array(labels))
        return medseg.read_label(folder / "b.nii.gz").array if not timing else labels

    timing = False
    window = dict(overlap=0.5, mode="gaussian")
    tasks = {
        "read an image, .nii.gz, float32 (nibabel)": (
            lambda: medseg.read_image(path).array, lambda: read_nibabel(path, "float32"), 0),
        "read a label map, .nii.gz, uint8 (nibabel)": (
            lambda: medseg.read_label(label_path).array, lambda: read_nibabel(label_path, "uint8"), 0),
        "write a label map, .nii.gz (nibabel)": (write_medseg, write_nibabel, 0),
        "orientation and spacing (MONAI)": (
            lambda: preprocess(volume).image.array, lambda: spacing(orientation(meta))[0].numpy(), 1.0),
        "Dice of a mask (MONAI)": (lambda: medseg.dice(p, r), lambda: float(compute_dice(*tensors)), 1e-6),
        "HD95 of a mask (MONAI)": (
            lambda: medseg.hd95(p, r, SPACING),
            lambda: float(compute_hausdorff_distance(*tensors, percentile=95, include_background=True, spacing=SPACING)), 1e-4),
        "Dice, HD95 and ASSD of three labels (MONAI)": (table_medseg, table_monai, 1e-4),
        "distance map (scipy)": (
            lambda: medseg.distance_map(r, SPACING), lambda: ndimage.distance_transform_edt(~r, sampling=SPACING), 1e-9),
        "components, 26 neighbours (scipy)": (
            lambda: medseg.connected_components(predicted)[0],
            lambda: ndimage.label(predicted, np.ones((3, 3, 3)))[0], 0),
        "largest component of each label (MONAI)": (
            lambda: medseg.keep_largest(predicted),
            lambda: KeepLargestConnectedComponent()(torch.from_numpy(predicted)[None])[0].numpy(), 0),
        "sliding window 96, a trivial network (MONAI)": (
            lambda: medseg.sliding_window(floats, lambda w: linear(torch.from_numpy(w)), 96, overlap=0.5, blend="gaussian"),
            lambda: sliding_window_inference(torch.from_numpy(floats)[None, None], 96, 4, linear, **window)[0].numpy(), 1e-2),
    }
    print(f"medseg {medseg.__version__}, {SHAPE} voxels, least of {rounds} rounds in turns")
    for name, (ours, theirs, tolerance) in tasks.items():
        a, b = ours(), theirs()
        for x, y in zip(a, b) if isinstance(a, list) else [(a, b)]:
            assert np.abs(np.asarray(x, "float64") - np.asarray(y, "float64")).max() <= tolerance, name
        timing = True
        least = [np.inf, np.inf]
        for _ in range(rounds):
            for n, run in enumerate((ours, theirs)):
                started = time.perf_counter()
                run()
                least[n] = min(least[n], time.perf_counter() - started)
        timing = False
        print(f"{name:50} {least[0] * 1e3:9.1f} ms {least[1] * 1e3:9.1f} ms   {least[1] / least[0]:6.1f} x", flush=True)


if __name__ == "__main__":
    main()
