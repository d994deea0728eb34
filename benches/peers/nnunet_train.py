"""nnU-Net's own training on the cases of a finished run, for as many minutes, and its Dice beside that run's.

    pip install nnunetv2 SimpleITK                            # torch for the CPU
    python benches/peers/nnunet_train.py RUN FOLDER MINUTES   # FOLDER takes nnU-Net's files

RUN is the output folder of a finished `medseg train` with several classes; its split says which cases train and which are
predicted. Planner, preprocessing, network, loss, augmentation, batch and SGD are nnU-Net's. Its learning rate falls by
nnU-Net's polynomial over the MINUTES instead of over 1000 epochs. Planning, preprocessing and prediction do not count.
Threads: OMP_NUM_THREADS.
"""

import json
import os
import sys
import time
from pathlib import Path

run, folder, minutes = Path(sys.argv[1]), Path(sys.argv[2]).absolute(), float(sys.argv[3])
for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
    os.environ[name] = str(folder / name)
os.environ.setdefault("nnUNet_n_proc_DA", "1")
os.environ.setdefault("nnUNet_compile", "f")

import numpy as np
import SimpleITK as sitk
import torch

NUMBER, NAME, CONFIGURATION = 1, "Dataset001_Run", "3d_fullres"


def main():
    config = json.loads((run / "config.json").read_text())
    split = json.loads((run / "split.json").read_text())
    values = config["settings"]["data"]["labels"]
    data = Path(config["data"])
    data = data if data.is_absolute() else run / data
    held_out = split["unused"] or split["validation"]
    is_ct = "window" in config["settings"]["data"]["preprocessing"].get("intensity", {"window": {}})
    prepare(data, split, values, "CT" if is_ct else "MR")
    trainer, steps, seconds = train()
    dice = predict(trainer, data, held_out, values)
    mean = dice.mean(axis=0)
    print(f"nnU-Net: {steps} steps of {trainer.batch_size} patches in {seconds:.0f} s", flush=True)
    print(f"nnU-Net: mean Dice {np.nanmean(dice, axis=1).mean():.4f} over {len(dice)} cases, classes {mean.round(4)}")
    ours = json.loads((run / "summary.json").read_text())["stages"]
    for name, stage in ours.items():
        print(f"medseg {name}: {stage['dice_mean']:.4f}, {stage['seconds_train']:.0f} s of training")


def files(data, case):
    """Image and label of a case."""
    found = [sorted((data / part).glob(f"{case}.nii*")) for part in ("image", "label")]
    return found[0][0], found[1][0]


def label(path, values):
    """A label map with classes 1, 2 and so on instead of the values."""
    image = sitk.ReadImage(str(path))
    array = sitk.GetArrayFromImage(image)
    classes = np.zeros(array.shape, np.uint8)
    for number, value in enumerate(values, 1):
        classes[array == value] = number
    return image, classes


def prepare(data, split, values, channel):
    """Writes the data set in nnU-Net's layout, plans and preprocesses it."""
    from nnunetv2.experiment_planning import plan_and_preprocess_api as api

    raw = folder / "nnUNet_raw" / NAME
    preprocessed = folder / "nnUNet_preprocessed" / NAME
    if (preprocessed / "splits_final.json").exists():
        return
    for part in ("imagesTr", "labelsTr"):
        (raw / part).mkdir(parents=True, exist_ok=True)
    for case in split["train"]:
        image_path, label_path = files(data, case)
        image = sitk.ReadImage(str(image_path))
        _, classes = label(label_path, values)
        classes = sitk.GetImageFromArray(classes)
        # The two headers may differ by rounding, which nnU-Net warns of.
        classes.CopyInformation(image)
        sitk.WriteImage(image, str(raw / "imagesTr" / f"{case}_0000.nii.gz"))
        sitk.WriteImage(classes, str(raw / "labelsTr" / f"{case}.nii.gz"))
    names = {"background": 0} | {f"label{value}": number for number, value in enumerate(values, 1)}
    description = {
        "channel_names": {"0": channel},
        "labels": names,
        "numTraining": len(split["train"]),
        "file_ending": ".nii.gz",
    }
    (raw / "dataset.json").write_text(json.dumps(description))
    api.extract_fingerprints([NUMBER], num_processes=2)
    plans = api.plan_experiments([NUMBER])
    api.preprocess([NUMBER], plans, (CONFIGURATION,), (2,))
    # The held-out cases are scored at the end; nnU-Net wants some to validate its network between epochs, which it does not.
    one = [{"train": split["train"], "val": split["train"][:1]}]
    (preprocessed / "splits_final.json").write_text(json.dumps(one))


def train():
    """Trains for the minutes; the trainer, the number of steps and their seconds."""
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    preprocessed = folder / "nnUNet_preprocessed" / NAME
    plans = json.loads((preprocessed / "nnUNetPlans.json").read_text()) | {"continue_training": False}
    description = json.loads((preprocessed / "dataset.json").read_text())
    torch.manual_seed(0)
    np.random.seed(0)
    trainer = nnUNetTrainer(plans, CONFIGURATION, 0, description, torch.device("cpu"))
    trainer.initialize()
    trainer.on_train_start()
    trainer.network.train()
    started, steps, progress = time.perf_counter(), 0, 0.0
    while progress < 1.0:
        for group in trainer.optimizer.param_groups:
            group["lr"] = trainer.initial_lr * (1.0 - progress) ** 0.9
        loss = float(trainer.train_step(next(trainer.dataloader_train))["loss"])
        steps += 1
        seconds = time.perf_counter() - started
        progress = seconds / (60.0 * minutes)
        if steps % 20 == 0:
            print(f"step {steps}: loss {loss:.4f}, {seconds:.0f} s", flush=True)
    return trainer, steps, seconds


def predict(trainer, data, held_out, values):
    """Dice `[case][class]` of the held-out cases, mirrored as nnU-Net does."""
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(device=torch.device("cpu"), perform_everything_on_device=False, allow_tqdm=False)
    trainer.set_deep_supervision_enabled(False)
    trainer.network.eval()
    predictor.manual_initialization(
        trainer.network,
        trainer.plans_manager,
        trainer.configuration_manager,
        [trainer.network.state_dict()],
        trainer.dataset_json,
        type(trainer).__name__,
        trainer.inference_allowed_mirroring_axes,
    )
    rows = []
    for case in held_out:
        image_path, label_path = files(data, case)
        image, properties = SimpleITKIO().read_images([str(image_path)])
        mask = predictor.predict_single_npy_array(image, properties)
        _, classes = label(label_path, values)
        rows.append([dice(mask == number, classes == number) for number in range(1, len(values) + 1)])
    return np.array(rows)


def dice(mask, reference):
    """NaN where the reference has nothing, as in medseg's tables."""
    if not reference.any():
        return float("nan")
    return 2.0 * (mask & reference).sum() / (mask.sum() + reference.sum())


if __name__ == "__main__":
    main()
