"""Writes crates/medseg-metrics/tests/golden/scores.json: what MONAI and scipy say of small masks, empty ones among them.

Run from the repository's root, with monai, torch, numpy and scipy installed:

    python crates/medseg-metrics/tests/golden/generate.py
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
from monai.metrics import (
    compute_average_surface_distance,
    compute_confusion_matrix_metric,
    compute_dice,
    compute_hausdorff_distance,
    compute_iou,
    compute_surface_dice,
    get_confusion_matrix,
)
from scipy import ndimage

SHAPE = (9, 11, 13)
# None equals a distance: MONAI rounds distances to single precision before it compares.
TOLERANCES = [0.0, 0.9, 2.1]
OUT = Path("crates/medseg-metrics/tests/golden/scores.json")
rng = np.random.default_rng(11)


def blobs(threshold):
    smooth = ndimage.gaussian_filter(rng.normal(size=SHAPE), 1.2)
    return smooth > threshold * smooth.std()


def touched(mask, other):
    labels, count = ndimage.label(mask, np.ones((3, 3, 3)))
    hits = len(set(labels[other & mask]))
    return hits, count - hits


def number(value):
    value = float(value)
    return value if math.isfinite(value) else str(value)


def case(predicted, reference, spacing):
    p, r = (torch.from_numpy(mask)[None, None].double() for mask in (predicted, reference))
    counts = get_confusion_matrix(p, r, include_background=True)
    named = {name: compute_confusion_matrix_metric(name, counts) for name in ["precision", "recall", "specificity"]}
    options = {"include_background": True, "spacing": spacing}
    named |= {
        "dice": compute_dice(p, r),
        "iou": compute_iou(p, r),
        "hd": compute_hausdorff_distance(p, r, **options),
        "hd95": compute_hausdorff_distance(p, r, percentile=95, **options),
        "assd": compute_average_surface_distance(p, r, symmetric=True, **options),
    }
    surface = [compute_surface_dice(p, r, [tolerance], **options) for tolerance in TOLERANCES]
    found, missed = touched(reference, predicted)
    right, made_up = touched(predicted, reference)
    return {
        "predicted": np.flatnonzero(predicted).tolist(),
        "reference": np.flatnonzero(reference).tolist(),
        "spacing": spacing,
        "confusion": [int(n) for n in counts.flatten()],  # tp, fp, tn, fn
        "scores": {name: number(value) for name, value in named.items()},
        "surface_dice": [number(value) for value in surface],
        "lesions": [found, missed, right, made_up],
    }


def main():
    empty = np.zeros(SHAPE, bool)
    spacings = [[1.0, 1.0, 1.0], [2.5, 0.8, 0.8], [0.7, 3.1, 1.3]]
    cases = [case(blobs(t), blobs(t), spacing) for t in (0.3, 0.9, 1.6, 2.2) for spacing in spacings]
    cases += [case(empty, blobs(1.5), spacings[1]), case(blobs(1.5), empty, spacings[1]), case(empty, empty, spacings[1])]
    same = blobs(0.5)
    cases += [case(same, same, spacings[2]), case(~empty, blobs(0.5), spacings[1])]
    lines = ",\n".join(json.dumps(entry) for entry in cases)
    text = f'{{"shape": {json.dumps(SHAPE)}, "tolerances": {TOLERANCES}, "cases": [\n{lines}\n]}}\n'
    OUT.write_text(text)
    print(f"{len(cases)} cases, {OUT.stat().st_size} bytes")
    for entry in cases[-5:]:
        print(entry["scores"], entry["surface_dice"], entry["lesions"])


if __name__ == "__main__":
    main()
