"""Writes the golden files of resampling and preprocessing: results of scikit-image, PyTorch and NumPy.

Run from the repository's root, with numpy, scipy, scikit-image, torch, SimpleITK and safetensors installed:

    python crates/medseg-nnunet/tests/golden/generate_preprocess.py

The images in `preprocess/` are random numbers: an ellipsoid with holes, two channels, axes with a flip.
"""

import json
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from scipy import ndimage
from skimage.transform import resize

OUT = Path("crates/medseg-nnunet/tests/golden")
EXACT = {"rtol": 0.0, "atol": 0.0}
# Results are f64 rounded to f32: at most the last bit differs.
CLOSE = {"rtol": 1.2e-7, "atol": 1e-12}
TORCH = {"rtol": 3e-7, "atol": 3e-7}
# As nnU-Net does. With one thread, or in slices of about 64x64 voxels and less, PyTorch rounds positions in another way.
torch.set_num_threads(4)


def save(op, name, params, tolerance, tensors):
    folder = OUT / op
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {key: np.ascontiguousarray(value) for key, value in tensors.items()}
    case = json.dumps({"params": params, "tolerance": tolerance}, sort_keys=True)
    save_file(tensors, folder / f"{name}.safetensors", {"case": case})


def separate_axis(old, new, force):
    if force is False:
        return None
    old, new = np.array(old, float), np.array(new, float)
    coarse = old if force or old.max() / old.min() > 3 else new if new.max() / new.min() > 3 else None
    axes = [] if coarse is None else np.flatnonzero(coarse == coarse.max())
    return int(axes[0]) if len(axes) == 1 else None


def spline(a, shape, order):
    return resize(a, shape, order=order, mode="edge", clip=True, anti_aliasing=False, preserve_range=True)


def in_slices(a, shape, axis, one):
    plane = [n for i, n in enumerate(shape) if i != axis]
    return np.stack([one(s, plane) for s in np.moveaxis(a, axis, 0)], axis)


def along(a, n, axis, order):
    """The last step of the separate axis: map_coordinates in nnU-Net."""
    old = a.shape[axis]
    if n == old:
        return a
    grid = list(np.meshgrid(*[np.arange(m, dtype=float) for m in [*a.shape[:axis], n, *a.shape[axis + 1 :]]], indexing="ij"))
    grid[axis] = old / n * (grid[axis] + 0.5) - 0.5
    return ndimage.map_coordinates(a, grid, order=order, mode="nearest")


def resample(data, shape, old, new, order, order_z=0, force=None):
    if data.shape[1:] == tuple(shape):
        return data
    axis = separate_axis(old, new, force)
    out = []
    for channel in data.astype(np.float64):
        if axis is None:
            out.append(spline(channel, shape, order))
        else:
            slices = in_slices(channel, shape, axis, lambda s, plane: spline(s, plane, order))
            out.append(along(slices, shape[axis], axis, order_z))
    return np.stack(out).astype(np.float32)


def resample_torch(data, shape, old, new, force):
    axis = separate_axis(old, new, force)
    x = torch.from_numpy(data)
    if axis is None:
        return F.interpolate(x[None], shape, mode="trilinear")[0].numpy()
    x = torch.movedim(x, axis + 1, 1)
    c, n, h, w = x.shape
    plane = [m for i, m in enumerate(shape) if i != axis]
    x = F.interpolate(x.reshape(1, c * n, h, w), plane, mode="bilinear").reshape(c, n, *plane)
    x = torch.movedim(x, 1, axis + 1).contiguous()
    return F.interpolate(x[None], shape, mode="nearest-exact")[0].numpy()


def labels_by(rule, a, shape, order):
    if order == 0:
        return spline(a.astype(float), shape, 0).astype(a.dtype)
    values = np.unique(a)
    scores = np.stack([spline((a == v).astype(float), shape, order) for v in values])
    out = np.zeros(shape, a.dtype)
    if rule == "at_least_half":
        for v, score in zip(values, scores):
            out[score >= 0.5] = v
        return out
    top = scores == scores.max(0)
    near = spline(a.astype(float), shape, 0)
    out = values[top.argmax(0)]
    for v, t in zip(values, top):
        out[(near == v) & t] = v
    return out


def resample_labels(a, shape, old, new, rule="largest", order=1, force=None):
    if a.shape == tuple(shape):
        return a
    axis = separate_axis(old, new, force)
    if axis is None:
        return labels_by(rule, a, shape, order)
    slices = in_slices(a, shape, axis, lambda s, plane: labels_by(rule, s, plane, order))
    return along(slices.astype(float), shape[axis], axis, 0).astype(a.dtype)


def torch_labels(a, shape, old, new, force, efficient):
    axis = separate_axis(old, new, force)

    def one(x, to, mode):
        if tuple(x.shape[1:]) == tuple(to):
            return x
        values = torch.unique(x)
        out = torch.zeros((x.shape[0], *to), dtype=torch.int16)
        if efficient:
            for v in values:
                out[F.interpolate((x[None] == v).float(), to, mode=mode)[0] > 0.5] = v
            return out
        scores = torch.stack([F.interpolate((x[None] == v).float() * 1000, to, mode=mode)[0].half() for v in values])
        return values[scores.argmax(0)]

    x = torch.from_numpy(a)[None]
    if axis is None:
        return one(x, shape, "trilinear")[0].numpy()
    x = torch.movedim(x, axis + 1, 1)[0]
    plane = [m for i, m in enumerate(shape) if i != axis]
    x = torch.movedim(one(x, plane, "bilinear"), 0, axis)[None].contiguous()
    return one(x, shape, "nearest-exact")[0].numpy()


def images():
    iso, thick = [1.0] * 3, [5.0, 1.0, 1.0]
    cases = {
        "cubic_down": ((1, 9, 13, 19), (5, 7, 11), iso, iso, 3, 0, None),
        "cubic_up": ((1, 5, 6, 7), (8, 13, 17), iso, iso, 3, 0, None),
        "cubic_mixed": ((2, 7, 18, 6), (11, 5, 20), iso, iso, 3, 0, None),
        "cubic_one_slice": ((1, 1, 9, 8), (1, 12, 5), iso, iso, 3, 0, None),
        "cubic_one_to_many": ((1, 1, 1, 5), (3, 2, 4), iso, iso, 3, 0, None),
        "cubic_to_one": ((1, 5, 4, 3), (1, 1, 1), iso, iso, 3, 0, None),
        "cubic_same_first": ((1, 6, 9, 10), (6, 11, 7), iso, iso, 3, 0, None),
        "cubic_same_last": ((1, 6, 9, 10), (4, 9, 10), iso, iso, 3, 0, None),
        "cubic_long": ((1, 3, 150, 5), (4, 123, 6), iso, iso, 3, 0, None),
        "cubic_separate_0": ((2, 5, 11, 9), (8, 7, 12), thick, iso, 3, 0, None),
        "cubic_separate_1": ((1, 11, 4, 9), (7, 3, 12), [1.0, 5.0, 1.0], iso, 3, 0, None),
        "cubic_separate_2_new": ((1, 6, 7, 12), (8, 5, 4), iso, [1.0, 1.0, 4.0], 3, 0, None),
        "cubic_separate_same": ((1, 5, 11, 9), (5, 7, 12), thick, iso, 3, 0, None),
        "cubic_separate_z1": ((1, 5, 8, 9), (9, 7, 12), thick, iso, 3, 1, None),
        "cubic_separate_z3": ((1, 5, 8, 9), (9, 7, 12), thick, iso, 3, 3, None),
        "cubic_forced": ((1, 5, 8, 9), (9, 7, 12), [1.5, 1.0, 1.0], iso, 3, 0, True),
        "cubic_never": ((1, 5, 8, 9), (9, 7, 12), thick, iso, 3, 0, False),
        "linear": ((1, 5, 12, 9), (9, 7, 12), iso, iso, 1, 0, None),
        "linear_separate": ((1, 5, 12, 9), (9, 7, 12), thick, iso, 1, 0, None),
        "nearest": ((1, 5, 12, 9), (10, 7, 12), iso, iso, 0, 0, None),
    }
    for n, (name, (old, new, a, b, order, order_z, force)) in enumerate(cases.items()):
        x = np.random.default_rng(n).normal(size=old).astype(np.float32)
        params = {"shape": new, "from": a, "to": b, "order": order, "order_z": order_z, "force": force, "kind": "spline"}
        save("image", name, params, CLOSE, {"input": x, "expected": resample(x, new, a, b, order, order_z, force)})
    for name, old, new, a, b, force in (
        ("torch", (2, 5, 12, 9), (9, 7, 12), iso, iso, False),
        ("torch_one_channel", (1, 7, 5, 9), (4, 11, 9), iso, iso, None),
        ("torch_separate", (1, 3, 80, 66), (5, 54, 90), thick, iso, None),
        ("torch_separate_2", (2, 8, 9, 7), (5, 12, 4), iso, [1.0, 1.0, 4.0], None),
    ):
        x = np.random.default_rng(99).normal(size=old).astype(np.float32)
        params = {"shape": new, "from": a, "to": b, "force": force, "kind": "torch"}
        save("image", name, params, TORCH, {"input": x, "expected": resample_torch(x, new, a, b, force)})


def labels():
    iso, thick = [1.0] * 3, [5.0, 1.0, 1.0]
    cases = {
        "odd": ((6, 7, 9), (9, 5, 13), iso, None),
        "doubled": ((5, 6, 7), (10, 12, 14), iso, None),
        # Every output voxel lies in the middle of its neighbours: ties of all numbers of labels.
        "halved": ((10, 8, 12), (5, 4, 6), iso, None),
        "separate": ((5, 8, 12), (9, 4, 6), thick, None),
        "separate_2": ((8, 12, 5), (4, 6, 7), [1.0, 1.0, 5.0], None),
        "one_slice": ((1, 8, 12), (1, 4, 18), iso, None),
    }
    for n, (name, (old, new, spacing, force)) in enumerate(cases.items()):
        x = np.random.default_rng(n).integers(-1, 4, old).astype(np.int16)
        params = {"shape": new, "from": spacing, "to": iso, "force": force}
        for rule in ("largest", "at_least_half"):
            y = resample_labels(x, new, spacing, iso, rule, force=force)
            save("labels", f"{name}_{rule}", params | {"rule": rule, "order": 1}, EXACT, {"input": x, "expected": y})
        y = resample_labels(x, new, spacing, iso, order=0, force=force)
        save("labels", f"{name}_nearest", params | {"rule": "largest", "order": 0}, EXACT, {"input": x, "expected": y})
        for efficient in (False, True):
            y = torch_labels(x, new, spacing, iso, force, efficient)
            rule = "torch_efficient" if efficient else "torch"
            save("labels", f"{name}_{rule}", params | {"rule": rule}, EXACT, {"input": x, "expected": y})


def normalize(x, mask, scheme):
    """The first channel by constants, the second by its own statistics in the mask."""
    x[0] = (np.clip(x[0], scheme["lower"], scheme["upper"]) - np.float32(scheme["mean"])) / np.float32(scheme["std"])
    inside = x[1][mask]
    x[1][mask] = (inside - inside.mean()) / max(inside.std(), 1e-8)


def preprocessing():
    cases = {
        "plain_aniso": ([4.0, 1.1, 1.0], [0, 1, 2]),
        "res_iso_transposed": ([1.5, 1.25, 1.3], [2, 0, 1]),
        "plain_regions": ([2.0, 1.0, 1.0], [0, 1, 2]),
        "plain_2d": ([1.1, 1.0], [1, 0, 2]),
        "cascade": ([2.0, 1.0, 1.2], [0, 1, 2]),
    }
    ct = {"lower": -500.0, "upper": 600.0, "mean": 35.0, "std": 250.0}
    for name, (target, forward) in cases.items():
        folder = OUT / "preprocess" / name
        files = [sitk.ReadImage(folder / f"case_{n:04d}.nii.gz") for n in range(2)]
        x = np.stack([sitk.GetArrayFromImage(file) for file in files]).astype(np.float32)
        spacing = np.abs(files[0].GetSpacing()[::-1])[forward].tolist()
        x = x.transpose(0, *[axis + 1 for axis in forward])
        full = x.shape[1:]
        mask = ndimage.binary_fill_holes((x != 0).any(0))
        box = tuple(slice(int(at.min()), int(at.max()) + 1) for at in np.nonzero(mask))
        x, mask = x[(slice(None), *box)].copy(), mask[box]
        previous = None
        if (folder / "previous.nii.gz").exists():
            previous = sitk.GetArrayFromImage(sitk.ReadImage(folder / "previous.nii.gz")).astype(np.int16)
            previous = previous.transpose(forward)[box].copy()
            previous[(previous == 0) & ~mask] = -1
            mask = previous >= 0
        normalize(x, mask, ct)
        to = target if len(target) == 3 else [spacing[0], *target]
        shape = [int(np.round(old / new * n)) for old, new, n in zip(spacing, to, x.shape[1:])]
        y = resample(x, shape, spacing, to, 3)
        if previous is not None:
            previous = resample_labels(previous, shape, spacing, to)
            y = np.concatenate([y, np.stack([previous == v for v in (1, 2, 3)]).astype(np.float32)])
        params = {"forward": forward, "spacing": target, "ct": ct, "shape": y.shape, "full": full, "step": 3}
        params |= {"start": [s.start for s in box], "size": [s.stop - s.start for s in box], "image_spacing": spacing}
        # Every third voxel in C order: a third of the size, and all faults of a rule still show.
        save("preprocess", name, params, CLOSE, {"expected": y.ravel()[::3]})


images()
labels()
preprocessing()
