"""Writes the golden files named below: results of MONAI for extents, padding modes, channels and inverses.

Run from the repository's root, with monai, torch, numpy, nibabel and safetensors installed:

    python crates/medseg-transforms/tests/golden/generate.py
"""

import json
import warnings
from pathlib import Path

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import (
    Compose,
    CropForeground,
    CropForegroundd,
    DivisiblePad,
    GaussianSmooth,
    Invertd,
    Orientationd,
    Resized,
    ResizeWithPadOrCrop,
    Spacing,
    Spacingd,
    SpatialPad,
    map_binary_to_indices,
)
from monai.transforms.utils import correct_crop_centers
from safetensors.numpy import save_file

OUT = Path("crates/medseg-transforms/tests/golden")
EXACT = {"rtol": 0.0, "atol": 0.0}
CLOSE = {"rtol": 1e-4, "atol": 2e-5}
LPS = np.array([[-0.8, 0, 0, 90.5], [0, -0.8, 0, 120.25], [0, 0, 2.5, -40.0], [0, 0, 0, 1.0]])
ORIGIN = np.diag([1.0, 1.0, 1.0, 1.0])
OBLIQUE = np.array([[0.9, 0.3, 0.0, -31.0], [-0.25, 1.1, 0.1, 12.0], [0.05, -0.1, 2.0, 77.0], [0, 0, 0, 1.0]])


def save(op, name, params, tolerance, tensors):
    folder = OUT / op
    folder.mkdir(exist_ok=True)
    tensors = {key: np.ascontiguousarray(value) for key, value in tensors.items()}
    case = json.dumps({"params": params, "tolerance": tolerance}, sort_keys=True)
    save_file(tensors, folder / f"{name}.safetensors", {"case": case})


def image(seed, *shape):
    return np.random.default_rng(seed).uniform(-2, 5, shape).astype(np.float32)


def numpy(tensor):
    return tensor.numpy() if isinstance(tensor, torch.Tensor) else np.asarray(tensor)


def spacings():
    cases = {
        "extent_coarser": (LPS, (1, 9, 10, 6), [1.7, 2.1, 4.0], "bilinear", False),
        "extent_finer": (LPS, (2, 5, 6, 4), [0.5, 0.6, 1.1], "bilinear", False),
        "extent_nearest": (LPS, (1, 9, 10, 6), [1.7, 2.1, 4.1], "nearest", False),
        "extent_oblique": (OBLIQUE, (1, 7, 6, 5), [1.6, 1.6, 1.6], "bilinear", False),
        "extent_diagonal": (OBLIQUE, (1, 7, 6, 5), [1.6, 1.6, 1.6], "bilinear", True),
        "extent_at_the_origin": (ORIGIN, (1, 8, 6, 7), [2.0, 3.0, 1.5], "bilinear", False),
    }
    for name, (affine, shape, pixdim, mode, diagonal) in cases.items():
        x = image(1, *shape)
        params = {"pixdim": pixdim, "mode": mode, "padding_mode": "border", "align_corners": True}
        params |= {"diagonal": diagonal, "scale_extent": True}
        transform = Spacing(**params)
        y = transform(MetaTensor(torch.from_numpy(x), affine=torch.from_numpy(affine)))
        tensors = {"input": x, "affine": affine, "expected": y.numpy(), "expected_affine": y.affine.numpy()}
        save("spacing", name, params, CLOSE, tensors)


def pads():
    cases = {
        "edge": ("edge", "symmetric", [7, 9, 6], (2, 4, 5, 6)),
        "edge_end": ("edge", "end", [7, 9, 6], (1, 4, 5, 6)),
        "reflect": ("reflect", "symmetric", [7, 8, 6], (2, 4, 5, 6)),
        "reflect_end": ("reflect", "end", [7, 9, 6], (1, 4, 5, 6)),
        # Wider than the volume: PyTorch refuses, numpy reflects again and again.
        "reflect_wide": ("reflect", "symmetric", [15, 20, 9], (1, 4, 3, 1)),
    }
    for name, (mode, method, size, shape) in cases.items():
        x = image(2, *shape)
        pad = SpatialPad(size, method=method, mode=mode)
        width = pad.compute_pad_width(shape[1:])
        y = numpy(pad(x)) if "wide" not in name else np.pad(x, width, mode=mode)
        assert np.array_equal(y, np.pad(x, width, mode=mode))
        params = {"spatial_size": size, "method": method, "mode": mode, "value": 0}
        tensors = {"input": x, "expected": y, "pad_width": np.array(width[1:])}
        save("spatial_pad", name, params, EXACT, tensors)

    x = image(3, 2, 5, 8, 9)
    params = {"k": [4, 4, 4], "method": "symmetric", "mode": "reflect"}
    save("divisible_pad", "reflect", params, EXACT, {"input": x, "expected": numpy(DivisiblePad(**params)(x))})

    # One axis is cut and then reflected with what is left.
    x = image(4, 1, 6, 9, 4)
    params = {"spatial_size": [8, 5, 6], "mode": "reflect"}
    expected = numpy(ResizeWithPadOrCrop(**params)(x))
    save("crop_or_pad", "reflect", params, EXACT, {"input": x, "resize_with_pad_or_crop": expected})


def foregrounds():
    cases = {
        "two_channels": (None, 1, "constant", 1),
        "two_channels_second": ([1], 3, "edge", 1),
        "two_channels_reflect": ([0, 1], 3, "reflect", 4),
    }
    for name, (channels, margin, mode, k) in cases.items():
        x = np.zeros((2, 9, 10, 11), np.float32)
        x += image(5, *x.shape) / 10
        x[0, 2:6, 3:7, 1:5] += 3
        x[1, 4:8, 5:8, 6:9] += 3
        label = (x[:1] > 1).astype(np.uint8)
        options = {"margin": margin, "mode": mode, "k_divisible": k, "channel_indices": channels}
        crop = CropForeground(select_fn=lambda v: v > 1.0, **options)
        start, end = crop.compute_bounding_box(torch.from_numpy(x))
        both = CropForegroundd(["image", "label"], "image", select_fn=lambda v: v > 1.0, **options)
        y = both({"image": torch.from_numpy(x), "label": torch.from_numpy(label)})
        tensors = {"image": x, "label": label, "box_start": start, "box_end": end}
        tensors |= {"expected_image": y["image"].numpy(), "expected_label": y["label"].numpy()}
        params = options | {"source": "image", "threshold": 1.0, "allow_smaller": False, "value": 0}
        save("crop_foreground", name, params, EXACT, tensors)


def indices():
    label = (image(6, 1, 4, 5, 6) > 3).astype(np.uint8)
    x = image(7, 2, 4, 5, 6)
    fg, bg = map_binary_to_indices(label, x, 3.5)
    tensors = {"label": label, "image": x, "fg": fg.astype(np.int64), "bg": bg.astype(np.int64)}
    save("map_binary_to_indices", "two_channels", {"has_image": True, "image_threshold": 3.5}, EXACT, tensors)

    label, x, size = (image(8, 1, 9, 10, 11) > 4).astype(np.uint8), image(9, 2, 9, 10, 11), [4, 5, 6]
    fg, bg = map_binary_to_indices(label, x, 4.0)
    uniform, picks, pos, neg = np.array([0.1, 0.7, 0.4, 0.9]), np.array([3, 11, 17, 40]), 1.0, 1.0
    tensors = {"label": label, "image": x, "uniform": uniform, "picks": picks, "n_fg_bg": np.array([len(fg), len(bg)])}
    for n, (u, pick) in enumerate(zip(uniform, picks)):
        flat = fg[pick] if u < pos / (pos + neg) else bg[pick]
        center = np.unravel_index(flat, label.shape[1:])
        center = [int(c) for c in correct_crop_centers(center, size, label.shape[1:])]
        part = tuple(slice(c - s // 2, c - s // 2 + s) for c, s in zip(center, size))
        tensors |= {f"expected_image_{n}": x[(slice(None), *part)], f"expected_label_{n}": label[(slice(None), *part)]}
    params = {"spatial_size": size, "pos": pos, "neg": neg, "num_samples": 4, "use_image": True, "image_threshold": 4.0}
    save("rand_crop_pos_neg", "two_channels", params, EXACT, tensors)


def blurs():
    x = image(10, 2, 6, 7, 8)
    for name, sigma in {"one_sigma": 0.9, "three_sigmas": [0.5, 1.3, 0.8]}.items():
        tensors = {"input": x, "expected": GaussianSmooth(sigma)(torch.from_numpy(x)).numpy()}
        save("gaussian_smooth", name, {"sigma": sigma}, CLOSE, tensors)


MAKE = {
    "Orientationd": lambda p: Orientationd("image", p["axcodes"], labels=(("L", "R"), ("P", "A"), ("I", "S"))),
    "Spacingd": lambda p: Spacingd(
        "image", p["pixdim"], mode=p["mode"], scale_extent=p.get("scale_extent", False), align_corners=p["align_corners"]
    ),
    "Resized": lambda p: Resized("image", p["spatial_size"], mode=p["mode"], align_corners=p["align_corners"]),
}


def inverses():
    ras = {"transform": "Orientationd", "axcodes": "RAS"}

    def spacing(pixdim, mode="bilinear", **other):
        return {"transform": "Spacingd", "pixdim": pixdim, "mode": mode, "align_corners": False, **other}

    def resize(size, mode="trilinear", align_corners=False):
        return {"transform": "Resized", "spatial_size": size, "mode": mode, "align_corners": align_corners}

    extent = spacing([1.9, 3.1, 5.4], scale_extent=True)
    cases = {
        "extent_nearest": (True, [ras, extent]),
        "extent_bilinear": (False, [ras, extent]),
        "resize_finer_nearest": (True, [ras, resize([11, 13, 9])]),
        "resize_coarser_nearest": (True, [ras, resize([5, 6, 3], align_corners=True)]),
        "resize_trilinear": (False, [resize([6, 12, 7])]),
        # Each step of it is undone by itself.
        "two_resamplings_nearest": (True, [spacing([1.3, 0.7, 1.9]), resize([7, 9, 5])]),
    }
    x = image(11, 8, 9, 5)
    for name, (nearest, steps) in cases.items():
        done = {"image": MetaTensor(torch.from_numpy(x)[None], affine=torch.from_numpy(LPS))}
        tensors = {"input": x, "affine": LPS}
        whole = Compose([MAKE[p["transform"]](p) for p in steps])
        for n, transform in enumerate(whole.transforms):
            done = transform(done)
            if not name.startswith("two"):
                tensors |= {f"stage_{n}": done["image"].numpy(), f"stage_{n}_affine": done["image"].affine.numpy()}
        done = whole({"image": MetaTensor(torch.from_numpy(x)[None], affine=torch.from_numpy(LPS))})
        pred = image(12, 2, *done["image"].shape[1:])
        pred = np.round(pred) if nearest else pred
        invert = Invertd("pred", whole, orig_keys="image", nearest_interp=nearest, to_tensor=True)
        back = invert(done | {"pred": MetaTensor(torch.from_numpy(pred))})["pred"]
        tensors |= {"pred": pred, "expected": back.numpy(), "expected_affine": back.affine.numpy()}
        save("invert", name, {"steps": steps, "nearest_interp": nearest}, CLOSE, tensors)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    spacings()
    pads()
    foregrounds()
    indices()
    blurs()
    inverses()
