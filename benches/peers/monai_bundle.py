"""MONAI bundles of realistic size with random weights: made, and timed with MONAI's runner on the CPU.

    pip install monai nibabel scipy pytorch-ignite                # torch for the CPU
    python benches/peers/monai_bundle.py make FOLDER KIND         # FOLDER/bundle and FOLDER/case.nii.gz
    python benches/peers/monai_bundle.py predict FOLDER           # seconds, peak memory, FOLDER/peer.nii.gz
    medseg predict FOLDER/bundle FOLDER/case.nii.gz FOLDER/ours.nii.gz --device cpu
    python benches/peers/monai_bundle.py compare FOLDER           # voxels that differ from FOLDER/ours.nii.gz

KIND is `unet` (settings as in spleen_ct_segmentation), `segresnet` (as in wholeBody_ct_segmentation, 105 classes) or
`dynunet` (residual blocks, z-scores, the mask taken back by nearest neighbours). A size such as 120x120x60 behind KIND
makes a smaller image than 200x200x120 voxels.
"""

import json
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

import nibabel
import numpy as np
import torch

folder = Path(sys.argv[2])
SPACING = (1.0, 1.0, 2.5)


def image(target, **arguments):
    return {"_target_": target, "keys": "image"} | arguments


def pred(target, **arguments):
    return {"_target_": target, "keys": "pred"} | arguments


READ = [image("LoadImaged"), image("EnsureChannelFirstd"), image("Orientationd", axcodes="RAS")]
INVERT = {"transform": "@preprocessing", "orig_keys": "image", "to_tensor": True}
SAVE = pred("SaveImaged", output_dir="@output_dir", output_postfix="seg", resample=False)
WINDOW = {"_target_": "SlidingWindowInferer", "roi_size": [96, 96, 96], "sw_batch_size": 1}
# Network, preprocessing, inferer and postprocessing.
KINDS = {
    "unet": (
        {
            "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2,
            "channels": [16, 32, 64, 128, 256], "strides": [2, 2, 2, 2], "num_res_units": 2, "norm": "batch",
        },
        [
            *READ,
            image("Spacingd", pixdim=[1.5, 1.5, 2.0], mode="bilinear"),
            image("ScaleIntensityRanged", a_min=-57, a_max=164, b_min=0, b_max=1, clip=True),
            image("EnsureTyped"),
        ],
        WINDOW | {"overlap": 0.5},
        [
            pred("Activationsd", softmax=True),
            pred("Invertd", **INVERT, nearest_interp=False),
            pred("AsDiscreted", argmax=True),
            SAVE,
        ],
    ),
    "segresnet": (
        {
            "_target_": "SegResNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 105, "init_filters": 32,
            "blocks_down": [1, 2, 2, 4], "blocks_up": [1, 1, 1], "dropout_prob": 0.2,
        },
        [
            image("LoadImaged"),
            image("EnsureTyped"),
            image("EnsureChannelFirstd"),
            image("Orientationd", axcodes="RAS"),
            image("Spacingd", pixdim=[1.5, 1.5, 1.5], mode="bilinear"),
            image("NormalizeIntensityd", nonzero=True),
            image("ScaleIntensityd", minv=-1.0, maxv=1.0),
        ],
        WINDOW | {"overlap": 0.25, "padding_mode": "replicate", "mode": "gaussian"},
        [
            pred("Activationsd", softmax=True),
            pred("AsDiscreted", argmax=True),
            pred("Invertd", **INVERT, nearest_interp=True),
            SAVE,
        ],
    ),
    "dynunet": (
        {
            "_target_": "DynUNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 4, "kernel_size": [3] * 6,
            "strides": [1, 2, 2, 2, 2, [2, 2, 1]], "upsample_kernel_size": [2, 2, 2, 2, [2, 2, 1]],
            "res_block": True, "deep_supervision": False,
        },
        [
            *READ,
            image("Spacingd", pixdim=[1.5, 1.5, 2.0], mode="bilinear"),
            image("NormalizeIntensityd", nonzero=True, channel_wise=True),
        ],
        WINDOW | {"overlap": 0.25},
        [
            pred("Activationsd", softmax=True),
            pred("AsDiscreted", argmax=True),
            pred("Invertd", **INVERT, nearest_interp=True),
            SAVE,
        ],
    ),
}  # fmt: skip


def inference(network, preprocessing, inferer, postprocessing):
    loader = {"_target_": "CheckpointLoader", "load_path": "$@bundle_root + '/models/model.pt'"}
    loader |= {"load_dict": {"model": "@network"}, "map_location": "@device"}
    return {
        "bundle_root": ".",
        "image_file": "$@bundle_root + '/case.nii.gz'",
        "output_dir": "$@bundle_root + '/eval'",
        "device": "$torch.device('cpu')",
        "network_def": network,
        "network": "$@network_def.to(@device)",
        "preprocessing": {"_target_": "Compose", "transforms": preprocessing},
        "dataset": {"_target_": "Dataset", "data": ["$dict(image=@image_file)"], "transform": "@preprocessing"},
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1, "shuffle": False, "num_workers": 0},
        "inferer": inferer,
        "postprocessing": {"_target_": "Compose", "transforms": postprocessing},
        "handlers": [loader],
        "evaluator": {
            "_target_": "SupervisedEvaluator", "device": "@device", "val_data_loader": "@dataloader",
            "network": "@network", "inferer": "@inferer", "postprocessing": "@postprocessing",
            "val_handlers": "@handlers", "amp": False,
        },
        "run": ["$@evaluator.run()"],
    }  # fmt: skip


def make():
    from monai.networks import nets
    from scipy.ndimage import gaussian_filter

    network, *steps = KINDS[sys.argv[3]]
    bundle = folder / "bundle"
    (bundle / "configs").mkdir(parents=True, exist_ok=True)
    (bundle / "models").mkdir(exist_ok=True)
    (bundle / "configs/inference.json").write_text(json.dumps(inference(network, *steps), indent=1))
    classes = {str(n): f"organ {n}" if n else "background" for n in range(network["out_channels"])}
    metadata = {"version": "0.0.1", "task": "measurement", "network_data_format": {"outputs": {"pred": {"channel_def": classes}}}}
    (bundle / "configs/metadata.json").write_text(json.dumps(metadata, indent=1))
    torch.manual_seed(1)
    arguments = {key: value for key, value in network.items() if key != "_target_"}
    net = getattr(nets, network["_target_"])(**arguments).eval()
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if tensor.ndim == 1 and len(tensor) > 1:
                at_one = name.endswith(("weight", "running_var"))
                tensor.copy_(torch.rand(tensor.shape) + 0.5 if at_one else torch.randn(tensor.shape) * 0.4)
        # No class is the largest everywhere.
        logits = net(torch.randn(1, 1, 64, 64, 64))[0].flatten(1)
        biases = [tensor for name, tensor in net.named_parameters() if name.endswith("bias")]
        [bias for bias in biases if len(bias) == network["out_channels"]][-1].sub_(logits.mean(1))
    torch.save(net.state_dict(), bundle / "models/model.pt")
    shape = tuple(int(size) for size in sys.argv[4].split("x")) if sys.argv[4:] else (200, 200, 120)
    noise = gaussian_filter(np.random.default_rng(3).standard_normal(shape).astype(np.float32), (2, 2, 1))
    place = [(index - (size - 1) / 2) / (size / 2 * 0.95) for index, size in zip(np.indices(shape)[:2], shape)]
    body = place[0] ** 2 + place[1] ** 2 <= 1
    voxels = np.where(body, noise / noise.std() * 100 + 40, -1000).round().astype(np.int16)
    affine = np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1.0])
    nibabel.save(nibabel.Nifti1Image(voxels, affine), folder / "case.nii.gz")


def predict():
    from monai.bundle import run

    torch.set_num_threads(2)
    bundle = folder / "bundle"
    with tempfile.TemporaryDirectory() as scratch:
        started = time.time()
        run(
            config_file=str(bundle / "configs/inference.json"), bundle_root=str(bundle), output_dir=scratch,
            image_file=str(folder / "case.nii.gz"),
        )  # fmt: skip
        seconds = time.time() - started
        shutil.copy(next(Path(scratch).glob("**/*.nii.gz")), folder / "peer.nii.gz")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{seconds:.1f} s, peak {peak:.0f} MiB")


def compare():
    peer, ours = (nibabel.load(folder / name) for name in ("peer.nii.gz", "ours.nii.gz"))
    masks = [np.asarray(of.dataobj).round().astype(np.int64) for of in (peer, ours)]
    moved = float(np.abs(peer.affine - ours.affine).max())
    different = int((masks[0] != masks[1]).sum())
    print(f"{different} of {masks[0].size} voxels differ; classes {len(np.unique(masks[0]))}, affines differ by {moved:g}")


{"make": make, "predict": predict, "compare": compare}[sys.argv[1]]()
