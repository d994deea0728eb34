"""Writes the golden files of window, export, post-processing and ensemble: results of nnU-Net, SciPy and PyTorch.

Run from the repository's root, with nnunetv2 2.8.1, torch, numpy, scipy and safetensors installed:

    python crates/medseg-nnunet/tests/golden/generate_window_export.py

Values of f16 are stored as their bits in u16.
"""

import itertools
import json
from pathlib import Path

import numpy as np
import torch
from acvl_utils.cropping_and_padding.padding import pad_nd_image
from nnunetv2.inference.sliding_window_prediction import compute_gaussian, compute_steps_for_sliding_window
from nnunetv2.postprocessing.remove_connected_components import remove_all_but_largest_component_from_segmentation
from nnunetv2.preprocessing.resampling.default_resampling import resample_data_or_seg_to_shape
from nnunetv2.preprocessing.resampling.resample_torch import resample_torch_fornnunet
from safetensors.numpy import save_file

OUT = Path("crates/medseg-nnunet/tests/golden")


def save(op, name, params, tensors, atol=0.0):
    folder = OUT / op
    folder.mkdir(exist_ok=True)
    tensors = {key: np.ascontiguousarray(value) for key, value in tensors.items()}
    case = json.dumps({"params": params, "tolerance": {"rtol": 0.0, "atol": atol}}, sort_keys=True)
    save_file(tensors, folder / f"{name}.safetensors", {"case": case})


def bits(array):
    array = array.numpy() if isinstance(array, torch.Tensor) else array
    assert array.dtype == np.float16, array.dtype
    return np.ascontiguousarray(array).view(np.uint16)


def gaussians():
    rng = np.random.default_rng(1)
    patches = [[8, 32, 24], [32, 24], [5, 16, 1], [20, 28, 17], [128, 128, 128], [64, 192, 160], [512, 512], [40, 3, 9]]
    for patch in patches:
        values = compute_gaussian.__wrapped__(tuple(patch), value_scaling_factor=10, device=torch.device("cpu"))
        values = bits(values).ravel()
        at = np.arange(values.size) if values.size < 8000 else np.sort(rng.choice(values.size, 8000, replace=False))
        save("gaussian", "x".join(map(str, patch)), {"patch": patch}, {"at": at.astype(np.int32), "expected": values[at]})


def window_starts():
    sizes, patches, steps, counts, starts = [], [], [], [], []
    for step in (0.5, 0.25, 0.3, 0.75, 1.0):
        for patch in (1, 5, 8, 24, 64, 97, 128):
            for size in sorted({patch, patch + 1, patch + 3, 2 * patch, 2 * patch + 5, 5 * patch - 1, 110 + patch, 512 + patch}):
                got = compute_steps_for_sliding_window((size,), (patch,), step)[0]
                sizes.append(size), patches.append(patch), steps.append(step), counts.append(len(got))
                starts += got
    tensors = {"size": sizes, "patch": patches, "count": counts, "start": starts}
    tensors = {key: np.array(value, np.int32) for key, value in tensors.items()} | {"step": np.array(steps)}
    save("starts", "many", {}, tensors)


def windows():
    cases = {
        "overlap": dict(shape=(11, 14, 9), patch=[6, 8, 4], classes=3, folds=1, axes=[]),
        "padded_mirrored": dict(shape=(5, 13, 9), patch=[8, 8, 6], classes=2, folds=1, axes=[0, 1, 2]),
        "two_folds": dict(shape=(12, 9, 10), patch=[6, 6, 5], classes=2, folds=2, axes=[1]),
        "three_folds_padded": dict(shape=(9, 7, 12), patch=[4, 9, 6], classes=2, folds=3, axes=[0, 2]),
        "five_folds": dict(shape=(7, 8, 9), patch=[5, 4, 6], classes=2, folds=5, axes=[]),
        "plane": dict(shape=(4, 13, 9), patch=[8, 12], classes=3, folds=1, axes=[0, 1]),
        "narrow_step": dict(shape=(13, 9, 8), patch=[8, 6, 6], classes=2, folds=1, axes=[], step=0.3),
    }
    for seed, (name, case) in enumerate(cases.items()):
        rng = np.random.default_rng(seed)
        shape, patch, classes, folds, axes = (case[key] for key in ("shape", "patch", "classes", "folds", "axes"))
        step = case.get("step", 0.5)
        # A network of fold f: class c gets input 0 times a[f, c], plus input 1 times b[f, c], plus a map of its own.
        x = (rng.standard_normal((2, *shape)) * 3).astype(np.float32)
        a, b = (rng.standard_normal((folds, classes)).astype(np.float32) for _ in range(2))
        own = (rng.standard_normal((folds, classes, *patch)) * 2).astype(np.float32)
        data, revert = pad_nd_image(torch.from_numpy(x), patch, "constant", {"value": 0}, True, None)
        gaussian = compute_gaussian.__wrapped__(tuple(patch), value_scaling_factor=10, device=torch.device("cpu"))
        flat = len(patch) == 2
        steps = compute_steps_for_sliding_window(data.shape[2:] if flat else data.shape[1:], patch, step)
        places = [range(data.shape[1])] if flat else []
        total = None
        for fold in range(folds):

            def network(inputs):
                scale = [torch.from_numpy(v[fold])[:, *[None] * len(patch)] for v in (a, b)]
                return (inputs[0, :1] * scale[0] + inputs[0, 1:] * scale[1] + torch.from_numpy(own[fold]))[None]

            logits = torch.zeros((classes, *data.shape[1:]), dtype=torch.half)
            weights = torch.zeros(data.shape[1:], dtype=torch.half)
            for place in itertools.product(*places, *steps):
                box = (slice(None),) + ((place[0],) if flat else ())
                box += tuple(slice(start, start + size) for start, size in zip(place[flat:], patch))
                window = torch.clone(data[box][None], memory_format=torch.contiguous_format)
                prediction = network(window)
                subsets = [c for k in range(len(axes)) for c in itertools.combinations([m + 2 for m in axes], k + 1)]
                for subset in subsets:
                    prediction += torch.flip(network(torch.flip(window, subset)), subset)
                if subsets:
                    prediction /= len(subsets) + 1
                prediction = prediction[0]
                prediction *= gaussian
                logits[box] += prediction
                weights[box[1:]] += gaussian
            torch.div(logits, weights, out=logits)
            logits = logits[(slice(None), *revert[1:])]
            if total is None:
                total = logits
            else:
                total += logits
        if folds > 1:
            total /= folds
        params = {"patch": patch, "mirror_axes": axes, "step_size": step, "folds": folds}
        tensors = {"image": x, "a": a, "b": b, "own": own.reshape(folds, classes, -1), "expected": bits(total)}
        save("window", name, params, tensors)


def resample(kind, logits, shape, network, image, force):
    if kind == "linear":
        return resample_data_or_seg_to_shape(logits, shape, network, image, is_seg=False, order=1, order_z=0, force_separate_z=force)
    return resample_torch_fornnunet(logits, shape, network, image, is_seg=False, num_threads=1, force_separate_z=force)


def exports():
    iso, thick = [1.0, 1.0, 1.0], [5.0, 1.0, 1.0]
    coarse, wide = [1.0, 5.0, 1.0], [1.0, 1.0, 6.0]
    cases = {
        "finer": ("linear", (9, 12, 11), (13, 17, 16), iso, None, "argmax"),
        "coarser": ("linear", (15, 16, 14), (9, 11, 8), iso, None, "argmax"),
        "one_axis": ("linear", (9, 12, 11), (9, 12, 19), iso, None, "argmax"),
        "one_voxel": ("linear", (1, 12, 11), (4, 9, 19), iso, False, "argmax"),
        "separate_0": ("linear", (6, 14, 12), (9, 21, 17), thick, None, "argmax"),
        "separate_0_same_length": ("linear", (6, 14, 12), (6, 21, 17), thick, None, "argmax"),
        "separate_0_alone": ("linear", (9, 14, 12), (5, 14, 12), thick, None, "argmax"),
        "separate_1": ("linear", (10, 6, 12), (14, 11, 10), coarse, None, "argmax"),
        "separate_2": ("linear", (10, 9, 7), (14, 11, 10), wide, None, "regions"),
        "same": ("linear", (8, 9, 10), (8, 9, 10), iso, None, "argmax"),
        "regions": ("linear", (9, 12, 11), (13, 17, 16), iso, None, "regions"),
        "torch_finer": ("torch", (9, 12, 11), (13, 17, 16), iso, False, "argmax"),
        "torch_coarser": ("torch", (15, 16, 14), (9, 11, 8), iso, False, "regions"),
        "torch_separate_0": ("torch", (4, 20, 18), (7, 70, 61), thick, None, "argmax"),
        "torch_separate_2": ("torch", (30, 18, 4), (70, 60, 7), wide, None, "argmax"),
        "torch_same": ("torch", (8, 9, 10), (8, 9, 10), iso, False, "regions"),
    }
    torch.set_num_threads(1)
    for seed, (name, (kind, shape, to, spacing, force, rule)) in enumerate(cases.items()):
        rng = np.random.default_rng(100 + seed)
        classes = 3
        # Few levels, so that many voxels tie, and the two smallest positive values, whose sigmoid rounds to 0.5 or above.
        levels = np.array([-1.5, -0.25, 0.0, 2.0**-24, 2.0**-23, 0.25, 1.0, 3.0]) if "same" in name or rule == "regions" else None
        logits = rng.choice(levels, (classes, *shape)) if levels is not None else rng.standard_normal((classes, *shape)) * 3
        logits = logits.astype(np.float16)
        got = resample(kind, logits, to, spacing, spacing, force)
        probabilities = torch.from_numpy(np.array(got)).float()
        params = {"kind": kind, "cropped": to, "spacing": spacing, "force": force, "full": [n + 3 for n in to], "start": [1, 0, 2]}
        params["transpose_backward"] = [[0, 1, 2], [1, 0, 2], [1, 2, 0], [2, 0, 1]][seed % 4]
        full = [params["full"], params["start"], params["transpose_backward"]]
        if rule == "regions":
            probabilities = torch.sigmoid(probabilities)
            params["regions"] = [1, 3, 2]
            labels = np.zeros(to, np.uint8)
            for channel, value in enumerate(params["regions"]):
                labels[(probabilities[channel] > 0.5).numpy()] = value
        else:
            probabilities = torch.softmax(probabilities, 0)
            labels = np.asarray(got).argmax(0).astype(np.uint8)
        tensors = {"logits": bits(logits), "expected": paste(labels, 0, *full)}
        if seed % 3 == 0 or rule == "regions":
            outside = [0.0 if rule == "regions" else float(c == 0) for c in range(classes)]
            tensors["probabilities"] = np.stack([paste(probabilities[c].numpy(), outside[c], *full) for c in range(classes)])
        save("export", name, params, tensors, 1e-6)


def paste(values, outside, full, start, backward):
    out = np.full(full, outside, values.dtype)
    out[tuple(slice(at, at + size) for at, size in zip(start, values.shape))] = values
    return out.transpose(backward)


def rows():
    """Resampled logits to the last bit: the smallest sub-volumes that see all taps, as the bits of f16 or f32."""
    rng = np.random.default_rng(9)
    cases = {
        "linear": ("linear", (17, 21, 19), (23, 30, 28), [1.0, 1.0, 1.0]),
        "linear_separate": ("linear", (7, 25, 21), (11, 33, 30), [5.0, 1.0, 1.0]),
        "torch": ("torch", (17, 21, 19), (23, 30, 28), [1.0, 1.0, 1.0]),
        "torch_separate": ("torch", (4, 25, 21), (5, 83, 60), [5.0, 1.0, 1.0]),
    }
    torch.set_num_threads(1)
    for name, (kind, shape, to, spacing) in cases.items():
        logits = (rng.standard_normal((1, *shape)) * 4).astype(np.float16)
        got = np.array(resample(kind, logits, to, spacing, spacing, None))
        expected = got.astype(np.float32)
        save("resampled", name, {"kind": kind, "cropped": to, "spacing": spacing}, {"logits": bits(logits), "expected": expected})


def postprocessing():
    rng = np.random.default_rng(3)
    cases = {
        "label": ([2], 8),
        "union": ([1, 2, 3], 7),
        "region": ([[1, 3]], 6),
        "mixed": ([[1, 3], 2], 9),
    }
    for name, (labels, edge) in cases.items():
        mask = rng.choice(4, (edge, edge + 2, edge + 1), p=[0.8, 0.08, 0.07, 0.05]).astype(np.uint8)
        given = [tuple(v) if isinstance(v, list) else v for v in labels]
        expected = remove_all_but_largest_component_from_segmentation(mask, given)
        save("postprocessing", name, {"labels_or_regions": labels}, {"mask": mask, "expected": expected})
    # Two components of three voxels each.
    mask = np.zeros((3, 4, 7), np.uint8)
    mask[0, 0, :3] = mask[2, 3, 4:] = mask[0, 3, 0] = 1
    expected = remove_all_but_largest_component_from_segmentation(mask, 1)
    save("postprocessing", "tie", {"labels_or_regions": 1}, {"mask": mask, "expected": expected})


if __name__ == "__main__":
    gaussians()
    window_starts()
    windows()
    exports()
    rows()
    postprocessing()
