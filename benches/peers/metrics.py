"""The masks of the bench `metrics` of medseg-metrics scored by MONAI and by scipy. `metrics.py THREADS`."""

import sys

import numpy as np
import torch
from monai.metrics import compute_average_surface_distance, compute_dice, compute_hausdorff_distance, compute_surface_dice
from scipy import ndimage

from sliding_window import median_seconds

SHAPE = (128, 256, 256)
SPACING = (2.5, 0.8, 0.8)
TOLERANCE_MM = 2.0


def organ(phase):
    """A ball with waves on its surface, as in the bench."""
    d, h, w = np.meshgrid(*(np.arange(n, dtype=np.float64) for n in SHAPE), indexing="ij")
    z, y, x = (d - 64) / 50, (h - 128) / 95, (w - 120) / 100
    waves = 0.1 * np.sin(9 * x + phase) * np.cos(8 * y - phase) + 0.05 * np.sin(7 * z + 2 * phase)
    return np.sqrt(z * z + y * y + x * x) < 0.9 + waves


def with_monai(predicted, reference):
    hd95 = compute_hausdorff_distance(predicted, reference, include_background=True, percentile=95, spacing=SPACING)
    assd = compute_average_surface_distance(predicted, reference, include_background=True, symmetric=True, spacing=SPACING)
    dice = compute_surface_dice(predicted, reference, [TOLERANCE_MM], include_background=True, spacing=SPACING)
    return hd95.item(), assd.item(), dice.item()


def with_scipy(predicted, reference):
    """All three scores from one distance transform for each mask, inside the box of both."""
    box = ndimage.find_objects((predicted | reference).astype(np.uint8))[0]
    predicted, reference = predicted[box], reference[box]
    edges = [mask & ~ndimage.binary_erosion(mask) for mask in (predicted, reference)]
    to_edges = [ndimage.distance_transform_edt(~edge, sampling=SPACING) for edge in edges]
    forward, back = to_edges[1][edges[0]], to_edges[0][edges[1]]
    both = np.concatenate([forward, back])
    return max(np.percentile(forward, 95), np.percentile(back, 95)), both.mean(), (both <= TOLERANCE_MM).mean()


def main():
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else torch.get_num_threads())
    predicted, reference = organ(0.4), organ(0.0)
    batch = [torch.from_numpy(mask)[None, None].float() for mask in (predicted, reference)]
    batch_u8 = [torch.from_numpy(mask)[None, None].to(torch.uint8) for mask in (predicted, reference)]
    print(f"Dice {compute_dice(*batch).item()}, MONAI {with_monai(*batch)}, scipy {with_scipy(predicted, reference)}")
    both = int((predicted & reference).sum())
    assert abs(compute_dice(*batch).item() - 2 * both / int(predicted.sum() + reference.sum())) < 1e-6
    timings = {
        "dice, MONAI, f32": lambda: compute_dice(*batch),
        "dice, MONAI, u8": lambda: compute_dice(*batch_u8),
        "dice, numpy, bool": lambda: 2 * (predicted & reference).sum() / (predicted.sum() + reference.sum()),
        "hd95, assd, surface dice, MONAI": lambda: with_monai(*batch),
        "hd95, assd, surface dice, scipy": lambda: with_scipy(predicted, reference),
    }
    for name, run in timings.items():
        print(f"{name}: {median_seconds(run) * 1e3:.2f} ms", flush=True)


if __name__ == "__main__":
    main()
