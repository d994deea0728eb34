"""Models of nnU-Net's shapes with random weights: made, and timed with nnunetv2 on the CPU.

    pip install nnunetv2 SimpleITK                      # torch for the CPU
    python benches/peers/nnunet.py make FOLDER KIND     # FOLDER/model and FOLDER/in
    medseg predict FOLDER/model FOLDER/in/case_0000.nii.gz FOLDER/ours.nii.gz --disable-tta --device cpu
    python benches/peers/nnunet.py predict FOLDER       # seconds, peak memory, voxels that differ from FOLDER/ours.nii.gz

KIND is `default` (128^3, 3 classes), `large` (the same on 512x512x200 with 25 classes), `anisotropic` (20x256x224, kernels
1x3x3 and 3x3x3) or `residual` (the residual encoder M, one window). For mirrored windows leave `--disable-tta` out and
call `predict FOLDER mirrored`.

Any model of your own on a folder of cases NAME_0000.nii.gz, all folds, mirrored as it was trained:

    medseg predict MODEL IMAGES OURS
    python benches/peers/nnunet.py compare MODEL IMAGES OURS    # nnUNet_extTrainer=FOLDER for a trainer of your own
"""

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

folder = Path(sys.argv[2])
scratch = Path(sys.argv[4]) if sys.argv[1] == "compare" else folder
for name in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
    os.environ.setdefault(name, str(scratch / name))

import numpy as np
import SimpleITK as sitk
import torch

ISOTROPIC = {
    "patch": [128] * 3,
    "spacing": [1.5] * 3,
    "kernels": [[3] * 3] * 6,
    "strides": [[1] * 3] + [[2] * 3] * 5,
}
ANISOTROPIC = {
    "patch": [20, 256, 224],
    "spacing": [5.0, 1.5, 1.5],
    "kernels": [[1, 3, 3]] + [[3] * 3] * 5,
    "strides": [[1] * 3, [1, 2, 2], [2, 2, 2], [2, 2, 2], [1, 2, 2], [1, 2, 2]],
}
# Classes, shape and spacing of the image.
KINDS = {
    "default": (ISOTROPIC, 3, (96, 256, 256), (2.5, 1.0, 1.0)),
    "large": (ISOTROPIC, 25, (200, 512, 512), (1.5, 0.8, 0.8)),
    "anisotropic": (ANISOTROPIC, 4, (20, 320, 320), (5.0, 1.4, 1.4)),
    "residual": (ISOTROPIC, 3, (120, 120, 120), (1.5, 1.5, 1.5)),
}


def make():
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
    from scipy.ndimage import gaussian_filter

    kind = sys.argv[3]
    grid, classes, shape, spacing = KINDS[kind]
    patch, residual, stages = grid["patch"], kind == "residual", len(grid["kernels"])
    network = {
        "n_stages": stages,
        "features_per_stage": [32, 64, 128, 256, 320, 320],
        "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": grid["kernels"],
        "strides": grid["strides"],
        "n_conv_per_stage_decoder": [1 if residual else 2] * (stages - 1),
        "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": "torch.nn.LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }
    if residual:
        network["n_blocks_per_stage"] = [1, 3, 4, 6, 6, 6]
    else:
        network["n_conv_per_stage"] = [2] * stages
    name = "ResidualEncoderUNet" if residual else "PlainConvUNet"
    kind = f"dynamic_network_architectures.architectures.unet.{name}"
    imports = ["conv_op", "norm_op", "dropout_op", "nonlin"]
    configuration = {
        "data_identifier": "bench",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": patch,
        "median_image_size_in_voxels": patch,
        "spacing": grid["spacing"],
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        "architecture": {"network_class_name": kind, "arch_kwargs": network, "_kw_requires_import": imports},
        "batch_dice": False,
    }
    for what, order, is_seg in (("data", 3, False), ("seg", 1, True), ("probabilities", 1, False)):
        configuration[f"resampling_fn_{what}"] = "resample_data_or_seg_to_shape"
        kwargs = {"order": order, "order_z": 0, "force_separate_z": None, "is_seg": is_seg}
        configuration[f"resampling_fn_{what}_kwargs"] = kwargs
    intensities = {"mean": 35.0, "std": 250.0, "percentile_00_5": -500.0, "percentile_99_5": 600.0}
    intensities |= {"median": 30.0, "min": -900.0, "max": 900.0}
    plans = {
        "dataset_name": "Dataset001_Bench",
        "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": grid["spacing"],
        "original_median_shape_after_transp": patch,
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {"3d_fullres": configuration},
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": intensities},
    }
    labels = {"background": 0} | {f"organ {n}": n for n in range(1, classes)}
    dataset = {"channel_names": {"0": "CT"}, "labels": labels, "numTraining": 1, "file_ending": ".nii.gz"}
    (folder / "model/fold_0").mkdir(parents=True, exist_ok=True)
    (folder / "in").mkdir(exist_ok=True)
    (folder / "model/plans.json").write_text(json.dumps(plans))
    (folder / "model/dataset.json").write_text(json.dumps(dataset))
    torch.manual_seed(1)
    net = get_network_from_plans(kind, network, imports, 1, classes, allow_init=True, deep_supervision=True)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if parameter.ndim == 1:
                parameter.copy_(torch.randn_like(parameter) * 0.4 + ("norm.weight" in name))
        # No class is the largest everywhere.
        logits = net.eval()(torch.randn(1, 1, *[min(size, 64) for size in patch]))[0][0].flatten(1)
        net.decoder.seg_layers[-1].bias.sub_(logits.mean(1))
    checkpoint = {
        "network_weights": net.state_dict(),
        "init_args": {"plans": plans, "configuration": "3d_fullres", "fold": 0, "dataset_json": dataset},
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": (0, 1, 2),
    }
    torch.save(checkpoint, folder / "model/fold_0/checkpoint_final.pth")
    noise = gaussian_filter(np.random.default_rng(3).standard_normal(shape).astype(np.float32), (1, 2, 2))
    place = [(index - (size - 1) / 2) / (size / 2 * 0.95) for index, size in zip(np.indices(shape)[1:], shape[1:])]
    body = place[0] ** 2 + place[1] ** 2 <= 1
    image = sitk.GetImageFromArray(np.where(body, noise / noise.std() * 200 + 40, -1000).round().astype(np.int16))
    image.SetSpacing(spacing[::-1])
    sitk.WriteImage(image, str(folder / "in/case_0000.nii.gz"))


def predict():
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    torch.set_num_threads(2)
    started, mirrored = time.time(), sys.argv[3:] == ["mirrored"]
    predictor = nnUNetPredictor(use_mirroring=mirrored, perform_everything_on_device=False, device=torch.device("cpu"))
    predictor.initialize_from_trained_model_folder(str(folder / "model"), (0,), "checkpoint_final.pth")
    image, mask = str(folder / "in/case_0000.nii.gz"), str(folder / "peer.nii.gz")
    predictor.predict_from_files_sequential([[image]], [mask], save_probabilities=False, overwrite=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{time.time() - started:.1f} s, peak {peak:.0f} MiB")
    if (folder / "ours.nii.gz").exists():
        peer, ours = (sitk.GetArrayFromImage(sitk.ReadImage(str(folder / name))) for name in ("peer.nii.gz", "ours.nii.gz"))
        print(f"{int((peer != ours).sum())} of {peer.size} voxels differ")


def compare():
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    images, ours = Path(sys.argv[3]), Path(sys.argv[4])
    torch.set_num_threads(2)
    predictor = nnUNetPredictor(use_mirroring=True, perform_everything_on_device=False, device=torch.device("cpu"))
    predictor.initialize_from_trained_model_folder(str(folder), None, "checkpoint_final.pth")
    ending, differing, voxels = predictor.dataset_json["file_ending"], 0, 0
    channels = len(predictor.dataset_json["channel_names"])
    peer = os.path.join(tempfile.mkdtemp(), f"peer{ending}")
    for first in sorted(images.glob(f"*_0000{ending}")):
        case = first.name.removesuffix(f"_0000{ending}")
        files = [str(images / f"{case}_{channel:04}{ending}") for channel in range(channels)]
        predictor.predict_from_files_sequential([files], [peer], save_probabilities=False, overwrite=True)
        theirs, mask = (sitk.GetArrayFromImage(sitk.ReadImage(str(path))) for path in (peer, ours / f"{case}{ending}"))
        differing, voxels = differing + int((theirs != mask).sum()), voxels + mask.size
        print(f"{case}: {int((theirs != mask).sum())} of {mask.size} voxels differ")
    print(f"all: {differing} of {voxels} voxels differ")


{"make": make, "predict": predict, "compare": compare}[sys.argv[1]]()
