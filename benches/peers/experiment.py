"""A run of `one_stage` or `two_stage` repeated with MONAI and PyTorch, Dice and time beside ours.

`experiment.py RUN [--seed N] [--threads N] [--steps N] [--stage NAME] [--channels-last]`: RUN is the output folder of a
finished run. Network, crops, loss, optimiser, schedule, epochs, validation, post-processing, cases and split are read from
its config.json and split.json; ours from its summary.json. With `--steps N` nothing is trained to the end: N steps of every
stage are timed. `--stage` trains one stage alone and predicts nothing; its validation Dice is to be compared with our
history.csv. `--channels-last` is the other memory format.

MONAI's part: reading, orientation, intensities, pad and crops, DiceLoss, Novograd, sliding window, largest component. The
deterministic part of the preprocessing is done once and kept, as ours is. Binary experiments only.
"""

import argparse
import copy
import json
import time
from pathlib import Path

import numpy as np
import torch
from monai import transforms as mt
from monai.inferers import sliding_window_inference
from monai.losses import DiceLoss
from monai.optimizers import Novograd
from scipy import ndimage

from network import UNet


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--steps", type=int)
    parser.add_argument("--stage")
    parser.add_argument("--channels-last", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    config = json.loads((options.run / "config.json").read_text())
    split = json.loads((options.run / "split.json").read_text())
    summary = json.loads((options.run / "summary.json").read_text())
    data = Path(config["data"])
    data = data if data.is_absolute() else options.run / data
    layout = torch.channels_last_3d if options.channels_last else torch.contiguous_format
    experiment = Experiment(config["settings"], data, layout)
    training = [experiment.load(case) for case in split["train"]]
    validation = [experiment.load(case) for case in split["validation"]]
    held_out = [experiment.load(case) for case in split["unused"]] or validation

    networks = {}
    for name in [s for s in ("coarse", "one_stage", "fine") if s in summary["stages"] and options.stage in (None, s)]:
        stage = Stage(name, experiment.settings["fine" if name == "one_stage" else name], layout)
        networks[name], seconds = stage.train(training, validation, options.seed, options.steps)
        ours = summary["stages"][name]["seconds_train"]
        if options.steps:
            print(f"{name}: MONAI {seconds / options.steps:.3f} s a step", flush=True)
        else:
            print(f"{name}: MONAI trained in {seconds:.1f} s, ours in {ours:.1f} s", flush=True)
    if options.steps or options.stage:
        return
    scores = {name: [] for name in networks}
    for case in held_out:
        for name, mask in experiment.predict(networks, case).items():
            scores[name].append(dice(mask, case["label"]))
    for name, values in scores.items():
        ours = summary["stages"][name]
        mean, low, high = interval(values)
        print(f"{name}: Dice over {len(values)} cases: MONAI {mean:.4f} [{low:.4f}, {high:.4f}], "
              f"ours {ours['dice_mean']:.4f} [{ours['dice_ci95'][0]:.4f}, {ours['dice_ci95'][1]:.4f}]")


class Experiment:
    """The settings that all stages share."""

    def __init__(self, settings, data, layout):
        self.settings = settings
        self.layout = layout
        preprocessing = settings["data"]["preprocessing"]
        kind, values = intensity(preprocessing["intensity"])
        scale = {
            "window": lambda: mt.ScaleIntensityRange(values["low"], values["high"], 0.0, 1.0, clip=True),
            "z_score": lambda: mt.NormalizeIntensity(nonzero=values.get("nonzero", False)),
        }[kind]()
        axes = preprocessing.get("orientation")
        turn = [mt.Orientation(axcodes=axes, labels=None)] if axes else []
        read = [mt.LoadImage(image_only=True, ensure_channel_first=True), *turn]
        self.image = mt.Compose([*read, scale, mt.ToTensor(track_meta=False)])
        self.label = mt.Compose([*read, mt.ToTensor(track_meta=False)])
        self.data = data
        self.labels = settings["data"]["labels"]

    def load(self, case):
        image = self.image(self.data / "image" / f"{case}.nii.gz").float()
        label = self.label(self.data / "label" / f"{case}.nii.gz")
        label = torch.isin(label, torch.tensor(self.labels, dtype=label.dtype)) if self.labels else label > 0
        return {"image": image, "label": label.float()}

    def predict(self, networks, case):
        """The masks of all stages on the case's grid."""
        image = case["image"]
        fine = Stage("fine", self.settings["fine"], self.layout)
        if "coarse" not in networks:
            mask = fine.windows(networks["one_stage"], image)
            return {"one_stage": largest(mask) if self.settings["cleaning"] == "largest_of_each_label" else mask}
        coarse = Stage("coarse", self.settings["coarse"], self.layout)
        shape = image.shape[1:]
        with torch.no_grad():
            small = (networks["coarse"](coarse.resized(image)[None])[0] > 0).float()
        small = largest(small) if self.settings["cascade"]["min_component_share"] == 1.0 else small
        nearest = torch.nn.functional.interpolate(small[None], size=shape, mode="nearest-exact")[0]
        box = outward_box(small[0], self.settings["cascade"]["coarse_margin"][0], shape)
        mask = torch.zeros_like(image)
        mask[(slice(None), *box)] = fine.windows(networks["fine"], image[(slice(None), *box)])
        return {"coarse": nearest, "fine": largest(mask) if self.settings["cleaning"] == "largest_of_each_label" else mask}


class Stage:
    """Training and applying one network."""

    def __init__(self, name, settings, layout):
        self.name = name
        self.settings = settings
        self.layout = layout
        # Ours are [depth, height, width]; MONAI's arrays run the other way.
        self.size = settings["size"][::-1]

    def resized(self, image, mode="trilinear"):
        return torch.nn.functional.interpolate(image[None], size=self.size, mode=mode)[0]

    def prepared(self, case):
        if self.settings["input"] == "whole":
            mode = self.settings["label_resize"].replace("_", "-")
            return {"image": self.resized(case["image"]), "label": self.resized(case["label"], mode)}
        if self.settings["input"] == "foreground_crops":
            crop = mt.CropForegroundd(["image", "label"], "label", margin=self.settings["foreground_margin"],
                                      allow_smaller=True)
            return crop(case)
        return case

    def crops(self):
        """Random crops from prepared cases, and what is done once to each case for them."""
        pad = mt.SpatialPadd(["image", "label"], self.size)
        index = mt.FgBgToIndicesd("label")
        settings = self.settings["crops"]
        draw = mt.RandCropByPosNegLabeld(["image", "label"], "label", self.size, settings["pos"], settings["neg"],
                                         settings["samples"], fg_indices_key="label_fg_indices",
                                         bg_indices_key="label_bg_indices")
        return (lambda case: index(pad(case))), draw

    def train(self, training, validation, seed, steps=None):
        """The best network, and the seconds of all steps and validations."""
        s = self.settings
        cases = [self.prepared(case) for case in training]
        checks = [self.prepared(case) for case in validation]
        if s["input"] != "whole":
            once, draw = self.crops()
            draw.set_random_state(seed)
            cases = [once(case) for case in cases]
        network = UNet(s["network"]["channels"], s["network"]["dropout"]).to(memory_format=self.layout)
        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv3d):
                torch.nn.init.kaiming_normal_(layer.weight)
        rule, c = s["optimizer"]["rule"], s["schedule"]
        kinds = rule["kind"], c["kind"], s["schedule_unit"], s["loss"]["kind"]
        assert kinds == ("novograd", "cosine_warm_restarts", "epoch", "dice"), f"not repeated here: {kinds}"
        betas = rule["beta_1"], rule["beta_2"]
        optimizer = Novograd(network.parameters(), lr=s["optimizer"]["lr"], betas=betas, eps=rule["epsilon"],
                             weight_decay=rule["weight_decay"], grad_averaging=rule["grad_averaging"],
                             amsgrad=rule["amsgrad"])
        schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, c["t_0"], c["t_mult"], c["eta_min"])
        loss_of = DiceLoss(sigmoid=True)
        best, kept, seconds = -1.0, network, 0.0
        for epoch in range(1, s["epochs"] + 1):
            started = time.perf_counter()
            network.train()
            losses = []
            for at in torch.randperm(len(cases)).tolist()[:steps]:
                samples = [cases[at]] if s["input"] == "whole" else draw(cases[at])
                image = torch.stack([torch.as_tensor(sample["image"]) for sample in samples])
                label = torch.stack([torch.as_tensor(sample["label"]) for sample in samples])
                optimizer.zero_grad()
                loss = loss_of(network(image.to(memory_format=self.layout)), label)
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            schedule.step()
            if steps:
                return network, time.perf_counter() - started
            score = ""
            if epoch % s["validate_every"] == 0 or epoch == s["epochs"]:
                network.eval()
                mean = float(np.nanmean([dice(self.apply(network, case["image"]), case["label"]) for case in checks]))
                score = f"  validation Dice {mean:.4f}"
                if mean > best:
                    best, kept = mean, copy.deepcopy(network)
            seconds += time.perf_counter() - started
            print(f"{self.name} epoch {epoch}/{s['epochs']}  loss {np.mean(losses):.4f}{score}  "
                  f"{time.perf_counter() - started:.1f} s", flush=True)
        return kept.eval(), seconds

    def apply(self, network, image):
        if self.settings["input"] != "whole":
            return self.windows(network, image)
        with torch.no_grad():
            return (network(image[None])[0] > 0).float()

    def windows(self, network, image):
        w = self.settings["window"]
        with torch.no_grad():
            probability = sliding_window_inference(image[None], w["roi"][::-1], w["batch"], lambda x: torch.sigmoid(network(x)),
                                                   overlap=w["overlap"], mode="constant" if w["blend"] == "constant" else "gaussian")
        return (probability[0] >= 0.5).float()


def intensity(setting):
    """The kind and its values of a setting such as {"window": {"low": -300, "high": 300}}."""
    return next(iter(setting.items())) if isinstance(setting, dict) else (setting, {})


def outward_box(mask, margin, shape):
    """The box of a coarse mask with a margin of coarse voxels, on the grid of `shape`; everything if it is empty."""
    found = mask.nonzero()
    if len(found) == 0:
        return tuple(slice(0, n) for n in shape)
    low = (found.min(0).values - margin).clamp(min=0)
    high = torch.minimum(found.max(0).values + 1 + margin, torch.tensor(mask.shape))
    scale = [n / m for n, m in zip(shape, mask.shape)]
    return tuple(slice(int(np.floor(l * s)), min(n, int(np.ceil(h * s))))
                 for l, h, s, n in zip(low.tolist(), high.tolist(), scale, shape))


def largest(mask):
    """The largest component of a mask [1, ...], neighbours over corners included, as MONAI's KeepLargestConnectedComponent
    has it (which needs scikit-image)."""
    parts, count = ndimage.label(mask[0].numpy(), np.ones((3, 3, 3)))
    if count < 2:
        return mask
    return torch.as_tensor(parts == np.bincount(parts.ravel())[1:].argmax() + 1)[None].float()


def dice(mask, label):
    total = float(mask.sum() + label.sum())
    return float("nan") if label.sum() == 0 else 2.0 * float((mask * label).sum()) / total


def interval(values, resamples=10_000):
    values = np.asarray(values)[~np.isnan(values)]
    means = np.random.default_rng(0).choice(values, (resamples, len(values))).mean(1)
    return values.mean(), *np.percentile(means, [2.5, 97.5])


if __name__ == "__main__":
    main()
