"""Writes crates/medseg-losses/tests/golden/losses.json: values and gradients of MONAI's and PyTorch's losses.

Run from the repository's root, with monai, torch and numpy installed:

    python crates/medseg-losses/tests/golden/generate.py

Each case names the loss, its settings as medseg-losses spells them, and the target that it is given; logits and targets are
shared. Computed in double precision where the reference allows it."""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from monai.losses import DeepSupervisionLoss, DiceCELoss, DiceFocalLoss, DiceLoss, FocalLoss, GeneralizedDiceLoss, TverskyLoss

SHAPE = (2, 3, 2, 3, 4)
OUT = Path("crates/medseg-losses/tests/golden/losses.json")

rng = np.random.default_rng(5)
LOGITS = {"normal": rng.normal(0, 2, SHAPE).round(3), "extreme": rng.choice([-100.0, 100.0], SHAPE)}
numbers = rng.integers(0, 3, (2, 1, 2, 3, 4)).astype(np.float64)
numbers_without_2 = np.where(numbers[:1] == 2, 0, numbers[:1])
TARGETS = {
    "numbers": numbers,
    # Class 2 is absent from the first sample.
    "absent": np.concatenate([numbers_without_2, numbers[1:]]),
    "onehot": np.concatenate([numbers == c for c in range(3)], axis=1).astype(np.float64),
    "multilabel": rng.integers(0, 2, SHAPE).astype(np.float64),
    "soft": rng.uniform(0, 1, SHAPE).round(3),
}


def activation(sigmoid):
    return {"activation": "sigmoid" if sigmoid else "softmax"}


def region(monai_class, sigmoid, onehot=False, background=True, **more):
    reduction = more.pop("reduction", "mean")
    loss = monai_class(
        sigmoid=sigmoid, softmax=not sigmoid, to_onehot_y=onehot, include_background=background, reduction=reduction, **more
    )
    config = activation(sigmoid) | {"to_onehot_y": onehot, "include_background": background, "reduction": reduction}
    renamed = {"w_type": "weighting"}
    return loss, config | {renamed.get(name, name): value for name, value in more.items()}


def focal(sigmoid, onehot=False, background=True, **more):
    loss = FocalLoss(use_softmax=not sigmoid, to_onehot_y=onehot, include_background=background, **more)
    return loss, activation(sigmoid) | {"to_onehot_y": onehot, "include_background": background} | more


def dice_focal(sigmoid, onehot=False, gamma=2.0, alpha=None, lambdas=(1.0, 1.0), **more):
    loss = DiceFocalLoss(
        sigmoid=sigmoid, softmax=not sigmoid, to_onehot_y=onehot, gamma=gamma, alpha=alpha, lambda_dice=lambdas[0],
        lambda_focal=lambdas[1], **more,
    )
    dice = activation(sigmoid) | {"to_onehot_y": onehot} | more
    return loss, {"dice": dice, "gamma": gamma, "alpha": alpha, "lambda_dice": lambdas[0], "lambda_focal": lambdas[1]}


def dice_ce(onehot, weight=None, reduction="mean", lambdas=(1.0, 1.0)):
    tensor = None if weight is None else torch.tensor(weight, dtype=torch.float64)
    loss = DiceCELoss(
        softmax=True, to_onehot_y=onehot, weight=tensor, reduction=reduction, lambda_dice=lambdas[0], lambda_ce=lambdas[1]
    )
    dice = activation(False) | {"to_onehot_y": onehot, "weight": weight, "reduction": reduction}
    return loss, {"dice": dice, "lambda_dice": lambdas[0], "lambda_ce": lambdas[1], "ce_weight": weight}


def cross_entropy(sigmoid, onehot=False, weight=None, reduction="mean"):
    tensor = None if weight is None else torch.tensor(weight, dtype=torch.float64)

    def loss(x, y):
        if sigmoid:
            factors = None if tensor is None else tensor.view(-1, 1, 1, 1)
            return F.binary_cross_entropy_with_logits(x, y, pos_weight=factors, reduction=reduction)
        return F.cross_entropy(x, y[:, 0].long() if onehot else y, weight=tensor, reduction=reduction)

    return loss, activation(sigmoid) | {"to_onehot_y": onehot, "weight": weight, "reduction": reduction}


def supervised(mode):
    loss = DeepSupervisionLoss(DiceLoss(softmax=True, to_onehot_y=True), weight_mode=mode)

    def levels(x, y):
        # The coarser outputs are parts of the logits, of sides that do not divide those of the target.
        return loss([x, x[:, :, :, :2, :3], x[:, :, :1, :1, :2]], y)

    return levels, {"exp": "halving", "same": "same", "two": "half_below"}[mode]


WEIGHT = [0.5, 2.0, 1.25]
CASES = [
    ("focal", "normal", "multilabel", focal(True)),
    ("focal", "normal", "soft", focal(True, gamma=1.5)),
    ("focal", "normal", "multilabel", focal(True, gamma=0.5, alpha=0.25)),
    ("focal", "normal", "numbers", focal(True, onehot=True, background=False, weight=[0.5, 2.0])),
    ("focal", "normal", "numbers", focal(False, onehot=True)),
    ("focal", "normal", "numbers", focal(False, onehot=True, gamma=3.0, alpha=0.75, weight=WEIGHT)),
    ("focal", "normal", "onehot", focal(False, reduction="sum")),
    ("focal", "normal", "multilabel", focal(True, reduction="sum")),
    ("focal", "extreme", "multilabel", focal(True)),
    ("focal", "extreme", "numbers", focal(False, onehot=True)),
    ("dice_focal", "normal", "multilabel", dice_focal(True)),
    ("dice_focal", "normal", "numbers", dice_focal(False, onehot=True, lambdas=(0.5, 2.0), weight=WEIGHT)),
    ("dice_focal", "normal", "numbers", dice_focal(True, onehot=True, alpha=0.3, gamma=1.0, reduction="sum")),
    ("dice_focal", "normal", "numbers", dice_focal(False, onehot=True, include_background=False, squared_pred=True)),
    ("generalized_dice", "normal", "multilabel", region(GeneralizedDiceLoss, True)),
    ("generalized_dice", "normal", "numbers", region(GeneralizedDiceLoss, False, onehot=True)),
    ("generalized_dice", "normal", "absent", region(GeneralizedDiceLoss, False, onehot=True)),
    ("generalized_dice", "normal", "absent", region(GeneralizedDiceLoss, False, onehot=True, w_type="simple")),
    ("generalized_dice", "normal", "absent", region(GeneralizedDiceLoss, False, onehot=True, w_type="uniform")),
    ("generalized_dice", "normal", "absent", region(GeneralizedDiceLoss, False, onehot=True, batch=True)),
    ("generalized_dice", "normal", "numbers", region(GeneralizedDiceLoss, False, onehot=True, background=False)),
    ("generalized_dice", "normal", "numbers", region(GeneralizedDiceLoss, True, onehot=True, reduction="sum")),
    ("generalized_dice", "extreme", "numbers", region(GeneralizedDiceLoss, False, onehot=True)),
    ("tversky", "normal", "multilabel", region(TverskyLoss, True)),
    ("tversky", "normal", "numbers", region(TverskyLoss, False, onehot=True, alpha=0.3, beta=0.7)),
    ("tversky", "normal", "soft", region(TverskyLoss, True, alpha=0.9, beta=0.2, batch=True)),
    ("tversky", "normal", "numbers", region(TverskyLoss, False, onehot=True, background=False, reduction="sum")),
    ("tversky", "extreme", "multilabel", region(TverskyLoss, True, smooth_nr=0.0, smooth_dr=1e-3)),
    ("cross_entropy", "normal", "soft", cross_entropy(True)),
    ("cross_entropy", "normal", "multilabel", cross_entropy(True, weight=WEIGHT)),
    ("cross_entropy", "normal", "multilabel", cross_entropy(True, reduction="sum")),
    ("cross_entropy", "normal", "numbers", cross_entropy(False, onehot=True)),
    ("cross_entropy", "normal", "numbers", cross_entropy(False, onehot=True, weight=WEIGHT)),
    ("cross_entropy", "normal", "onehot", cross_entropy(False, weight=WEIGHT)),
    ("cross_entropy", "normal", "numbers", cross_entropy(False, onehot=True, weight=WEIGHT, reduction="sum")),
    ("cross_entropy", "extreme", "multilabel", cross_entropy(True)),
    ("cross_entropy", "extreme", "numbers", cross_entropy(False, onehot=True)),
    ("dice_cross_entropy", "normal", "numbers", dice_ce(True)),
    ("dice_cross_entropy", "normal", "numbers", dice_ce(True, weight=WEIGHT, lambdas=(0.7, 1.3))),
    ("dice_cross_entropy", "normal", "numbers", dice_ce(True, reduction="sum")),
    ("deep_supervision", "normal", "numbers", supervised("exp")),
    ("deep_supervision", "normal", "numbers", supervised("same")),
    ("deep_supervision", "normal", "numbers", supervised("two")),
]


def evaluate(loss, logits, target):
    x = torch.tensor(LOGITS[logits], dtype=torch.float64, requires_grad=True)
    value = loss(x, torch.tensor(TARGETS[target], dtype=torch.float64))
    value.backward()
    return value.item(), [float(f"{g:.9g}") for g in x.grad.flatten().tolist()]


def main():
    cases = []
    for name, logits, target, (loss, config) in CASES:
        value, gradient = evaluate(loss, logits, target)
        cases.append({"loss": name, "config": config, "logits": logits, "target": target, "value": value, "gradient": gradient})
    arrays = {
        name: {"shape": list(array.shape), "values": array.flatten().tolist()} for name, array in (LOGITS | TARGETS).items()
    }
    lines = ",\n".join(json.dumps(case) for case in cases)
    OUT.write_text('{"arrays": ' + json.dumps(arrays) + ',\n"cases": [\n' + lines + "\n]}\n")
    print(f"{len(cases)} cases, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
