"""Writes golden files of MONAI's networks and bundle runner.

Run from the repository's root, with MONAI 1.6.1, PyTorch for the CPU, nibabel and pytorch-ignite installed:

    python crates/medseg-monai/tests/golden/make_golden.py

- `shapes.json`: constructor arguments of networks with the names and shapes of their state dicts.
- `networks/NAME.safetensors`: a tiny network with random weights. Tensors `state.KEY` are its state dict, `input` and
  `output` are [1, channels, x, y, z]; the metadata entry `case` holds the class and its arguments.
- `bundles/ct.nii.gz` and `bundles/NAME`: an image and four bundles with random weights. `bundles/expected/NAME.nii.gz` is
  the mask that MONAI's runner writes; `bundles/expected/NAME.safetensors` holds the probabilities before the mask, [class,
  x, y, z], with the affine of their grid: that of the image, or the network's where the mask is taken back, as `case` says.
"""

import json
import shutil
import struct
import tempfile
from pathlib import Path

import nibabel
import numpy as np
import torch
from monai.bundle import run
from monai.networks import nets
from scipy.ndimage import gaussian_filter

OUT = Path("crates/medseg-monai/tests/golden")


def unet(**given):
    return "UNet", {"spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [4, 6, 8], "strides": [2, 2]} | given


def segresnet(**given):
    return "SegResNet", {"init_filters": 8, "in_channels": 1, "out_channels": 2} | given


def dynunet(**given):
    grid = {"kernel_size": [3] * 3, "strides": [1, 2, 2], "upsample_kernel_size": [2, 2], "filters": [4, 6, 8]}
    return "DynUNet", {"spatial_dims": 3, "in_channels": 1, "out_channels": 2} | grid | given


ANISOTROPIC = {
    "kernel_size": [[3, 3, 1], [3, 3, 3], [3, 3, 3], [3, 3, 3]],
    "strides": [[1, 1, 1], [2, 2, 1], [2, 2, 2], [2, 2, 1]],
    "upsample_kernel_size": [[2, 2, 1], [2, 2, 2], [2, 2, 1]],
    "filters": [4, 6, 8, 8],
}
LEAKY = ["leakyrelu", {"negative_slope": 0.1, "inplace": True}]

# Settings whose names and shapes are stored.
SHAPES = [
    unet(),
    unet(num_res_units=1),
    unet(num_res_units=2),
    unet(num_res_units=3, in_channels=2, out_channels=5),
    unet(channels=[16, 32, 64, 128, 256], strides=[2, 2, 2, 2], num_res_units=2, norm="batch"),
    unet(norm="batch"),
    unet(norm="BATCH", act="RELU"),
    unet(norm=["GROUP", {"num_groups": 2}], num_res_units=2),
    unet(norm=["instance", {"affine": True}], act=LEAKY),
    unet(norm=None, num_res_units=1),
    unet(act=None),
    unet(bias=False, num_res_units=2),
    unet(dropout=0.2, num_res_units=2, norm="batch"),
    unet(adn_ordering="NA", norm="batch"),
    unet(adn_ordering="DAN", norm="batch", num_res_units=2),
    unet(adn_ordering="A", norm="batch"),
    unet(kernel_size=5, up_kernel_size=5),
    unet(kernel_size=[3, 3, 1], up_kernel_size=[3, 5, 1], strides=[[2, 2, 1], [2, 2, 1]]),
    unet(kernel_size=1, num_res_units=2),
    unet(strides=[1, 2]),
    unet(strides=[1, 1], num_res_units=2),
    unet(strides=[3, 2], num_res_units=1),
    unet(channels=[4, 4], strides=[2], in_channels=4, num_res_units=2),
    unet(channels=[4, 8], strides=[1], in_channels=4, out_channels=4, num_res_units=1),
    segresnet(),
    segresnet(init_filters=16, blocks_down=[1, 2, 2, 4], blocks_up=[1, 1, 1], in_channels=4, out_channels=3, dropout_prob=0.2),
    segresnet(init_filters=4, norm=["GROUP", {"num_groups": 2}], blocks_down=[1, 1], blocks_up=[2]),
    segresnet(norm="BATCH", upsample_mode="deconv"),
    segresnet(norm=["INSTANCE", {"affine": True}], act="LEAKYRELU"),
    segresnet(norm="INSTANCE", blocks_down=[2, 0, 1], blocks_up=[0, 1]),
    segresnet(use_conv_final=False),
    segresnet(norm_name="GROUP", num_groups=4),
    dynunet(),
    dynunet(res_block=True),
    dynunet(norm_name="batch", act_name="relu"),
    dynunet(norm_name=["group", {"num_groups": 2}], trans_bias=True, res_block=True),
    dynunet(norm_name="instance"),
    dynunet(filters=None),
    dynunet(**ANISOTROPIC, deep_supervision=True, deep_supr_num=2),
    dynunet(**ANISOTROPIC, res_block=True, deep_supervision=True),
    dynunet(kernel_size=[3, 3, 3], strides=[1, 1, 2], upsample_kernel_size=[1, 2], res_block=True),
    dynunet(kernel_size=[1, 3, 5], strides=[1, 2, 2], filters=[4, 6, 8, 10]),
    ("BasicUNet", {"features": [4, 4, 8, 8, 12, 6]}),
    ("BasicUNet", {"in_channels": 2, "out_channels": 3, "features": [4, 4, 8, 8, 12, 6], "norm": "batch", "act": "PRELU"}),
    ("VNet", {}),
    ("VNet", {"in_channels": 16, "out_channels": 3, "act": "prelu", "bias": True}),
    ("VNet", {"out_channels": 2, "act": "PRELU"}),
    ("BasicUNet", {"features": [4, 4, 8, 8, 12, 6], "bias": False, "dropout": 0.1, "norm": ["group", {"num_groups": 2}]}),
]

# Networks whose values are stored, with the size of their input.
NETWORKS = {
    "unet_plain": (unet(), (16, 12, 8)),
    "unet_residual_batch": (unet(num_res_units=2, norm="batch"), (16, 12, 8)),
    "unet_ordering_group": (
        unet(num_res_units=1, norm=["GROUP", {"num_groups": 2}], act=LEAKY, adn_ordering="AN", in_channels=2, out_channels=4),
        (8, 16, 12),
    ),
    "unet_anisotropic": (
        unet(
            kernel_size=[3, 3, 1], up_kernel_size=[3, 5, 1], strides=[[2, 2, 1], [1, 2, 2]], num_res_units=2, bias=False,
            norm=["instance", {"affine": True}],
        ),
        (12, 16, 6),
    ),
    "segresnet_group": (
        segresnet(init_filters=4, norm=["GROUP", {"num_groups": 2}], blocks_down=[1, 2, 1], blocks_up=[1, 1], in_channels=2,
                  out_channels=3),
        (16, 12, 8),
    ),
    "segresnet_batch_deconv": (
        segresnet(init_filters=3, norm="batch", blocks_down=[1, 1, 1], blocks_up=[1, 2], upsample_mode="deconv"),
        (8, 12, 16),
    ),
    "dynunet_basic": (dynunet(), (16, 12, 8)),
    "dynunet_residual_anisotropic": (dynunet(**ANISOTROPIC | {"filters": [3, 4, 5, 6]}, res_block=True, trans_bias=True), (16, 8, 4)),
}  # fmt: skip


def built(cls, arguments, seed):
    """The network with random weights, norms and running statistics."""
    torch.manual_seed(seed)
    network = getattr(nets, cls)(**arguments).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.ndim > 1 or not tensor.is_floating_point():
                continue
            random = torch.rand(tensor.shape, generator=generator)
            if name.endswith(("running_var", "weight")):
                tensor.copy_(0.5 + random)
            else:
                tensor.copy_(random - 0.5)
    return network


def save(path, tensors, metadata=None):
    """Writes safetensors."""
    header, data = {"__metadata__": metadata} if metadata else {}, b""
    for name, tensor in tensors.items():
        tensor = np.ascontiguousarray(tensor.numpy() if torch.is_tensor(tensor) else tensor)
        kind = {"float32": "F32", "int64": "I64", "uint8": "U8"}[str(tensor.dtype)]
        end = len(data) + tensor.nbytes
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [len(data), end]}
        data += tensor.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def shapes():
    entries = []
    for cls, arguments in SHAPES:
        state = getattr(nets, cls)(**arguments).state_dict()
        entries.append({"class": cls, "arguments": arguments, "state": {key: list(of.shape) for key, of in state.items()}})
    lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in entries)
    (OUT / "shapes.json").write_text(f"[\n{lines}\n]\n")


def networks():
    (OUT / "networks").mkdir(exist_ok=True)
    for seed, (name, ((cls, arguments), size)) in enumerate(NETWORKS.items()):
        network = built(cls, arguments, seed + 1)
        image = torch.randn((1, arguments["in_channels"], *size), generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            output = network(image)
        state = {f"state.{key}": value for key, value in network.state_dict().items() if not key.startswith("skip_layers.")}
        params = {"class": cls, "arguments": arguments}
        case = json.dumps({"params": params, "tolerance": {"rtol": 1e-4, "atol": 1e-5}}, sort_keys=True)
        save(OUT / "networks" / f"{name}.safetensors", state | {"input": image, "output": output}, {"case": case})


def step(target, **arguments):
    return {"_target_": target, "keys": "image"} | arguments


def ended(target, **arguments):
    return {"_target_": target, "keys": "pred"} | arguments


INVERT = {"transform": "@preprocessing", "orig_keys": "image", "to_tensor": True}
READ = [step("LoadImaged"), step("EnsureChannelFirstd"), step("Orientationd", axcodes="RAS")]
SAVE = ended("SaveImaged", output_dir="@output_dir", output_postfix="seg", resample=False)
WINDOW = {"_target_": "SlidingWindowInferer", "roi_size": [16, 16, 16], "sw_batch_size": 2, "overlap": 0.5}

# Network, preprocessing, inferer, postprocessing and the classes' names.
BUNDLES = {
    "spleen": (
        unet(channels=[4, 6, 8], num_res_units=2, norm="batch"),
        [
            *READ,
            step("Spacingd", pixdim=[1.5, 1.5, 2.0], mode="bilinear"),
            step("ScaleIntensityRanged", a_min=-57, a_max=164, b_min=0.0, b_max=1.0, clip=True),
            step("EnsureTyped"),
        ],
        WINDOW,
        [
            ended("Activationsd", softmax=True),
            ended("Invertd", **INVERT, nearest_interp=False),
            ended("AsDiscreted", argmax=True),
            SAVE,
        ],
        ["background", "spleen"],
    ),
    "regions": (
        segresnet(init_filters=4, norm=["GROUP", {"num_groups": 2}], blocks_down=[1, 1, 1], blocks_up=[1, 1], out_channels=3),
        [
            *READ,
            step("Spacingd", pixdim=[2.0, 2.0, 2.0]),
            step("NormalizeIntensityd", nonzero=True, channel_wise=True),
        ],
        WINDOW | {"mode": "gaussian"},
        [
            ended("Activationsd", sigmoid=True),
            ended("Invertd", **INVERT, nearest_interp=False),
            ended("AsDiscreted", threshold=0.5),
            SAVE,
        ],
        ["core", "whole", "enhancing"],
    ),
    "nearest": (
        dynunet(res_block=True, out_channels=3),
        [
            *READ,
            step("EnsureTyped", dtype="$torch.float32"),
            step("Spacingd", pixdim=[1.5, 1.5, 2.5]),
            step("NormalizeIntensityd", channel_wise=True),
        ],
        WINDOW | {"roi_size": [16, 16, 12], "overlap": 0.25, "padding_mode": "constant"},
        [
            ended("Activationsd", softmax=True),
            ended("AsDiscreted", argmax=True),
            ended("Invertd", **INVERT, nearest_interp=True),
            SAVE,
        ],
        ["background", "organ", "lesion"],
    ),
}
# As brats_mri_segmentation makes one mask of regions that overlap.
ORDER = "$lambda x: torch.where(x[[2]] > 0, 4, torch.where(x[[0]] > 0, 1, torch.where(x[[1]] > 0, 2, 0)))"
BUNDLES["ordered"] = (
    *BUNDLES["regions"][:3],
    [
        ended("Activationsd", sigmoid=True),
        ended("Invertd", **INVERT, nearest_interp=False),
        ended("AsDiscreted", threshold=0.55),
        ended("Lambdad", func=ORDER),
        SAVE,
    ],
    BUNDLES["regions"][4],
)


def inference(network, preprocessing, inferer, postprocessing):
    """The text of inference.json."""
    cls, arguments = network
    loader = {"_target_": "CheckpointLoader", "load_path": "$@bundle_root + '/models/model.pt'"}
    loader |= {"load_dict": {"model": "@network"}, "map_location": "@device"}
    return {
        "imports": ["$import glob", "$import os"],
        "bundle_root": ".",
        "image_file": "$@bundle_root + '/ct.nii.gz'",
        "output_dir": "$@bundle_root + '/eval'",
        "device": "$torch.device('cpu')",
        "network_def": {"_target_": cls} | arguments,
        "network": "$@network_def.to(@device)",
        "preprocessing": {"_target_": "Compose", "transforms": preprocessing},
        "dataset": {"_target_": "Dataset", "data": ["$dict(image=@image_file)"], "transform": "@preprocessing"},
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1, "shuffle": False, "num_workers": 0},
        "inferer": inferer,
        "postprocessing": {"_target_": "Compose", "transforms": postprocessing},
        "handlers": [loader, {"_target_": "StatsHandler", "iteration_log": False}],
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "@device",
            "val_data_loader": "@dataloader",
            "network": "@network",
            "inferer": "@inferer",
            "postprocessing": "@postprocessing",
            "val_handlers": "@handlers",
            "amp": False,
        },
        "initialize": ["$setattr(torch.backends.cudnn, 'benchmark', True)"],
        "run": ["$@evaluator.run()"],
    }


def metadata(name, network, classes):
    """The text of metadata.json."""
    image = {"type": "image", "format": "hounsfield", "modality": "CT", "num_channels": 1, "spatial_shape": ["*", "*", "*"]}
    image |= {"dtype": "float32", "value_range": [], "is_patch_data": True, "channel_def": {"0": "image"}}
    pred = {"type": "image", "format": "segmentation", "num_channels": len(classes), "spatial_shape": ["*", "*", "*"]}
    pred |= {"dtype": "float32", "value_range": [0, 1], "is_patch_data": True}
    pred |= {"channel_def": {str(channel): label for channel, label in enumerate(classes)}}
    return {
        "version": "0.1.0",
        "monai_version": "1.6.1",
        "pytorch_version": "2.15.0",
        "numpy_version": "2.4.6",
        "name": f"{name} with random weights",
        "task": "test of an importer",
        "description": f"A tiny {network[0]} with random weights.",
        "authors": "The medseg developers",
        "copyright": "The medseg developers",
        "network_data_format": {"inputs": {"image": image}, "outputs": {"pred": pred}},
    }


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")


def ct(path):
    shape, spacing = (32, 28, 16), (1.0, 1.2, 2.5)
    noise = gaussian_filter(np.random.default_rng(3).standard_normal(shape), 1.5)
    place = [(index - (size - 1) / 2) / (size / 2) for index, size in zip(np.indices(shape), shape)]
    body = place[0] ** 2 + place[1] ** 2 <= 0.9
    organ = (place[0] - 0.3) ** 2 + (place[1] + 0.2) ** 2 + place[2] ** 2 <= 0.15
    voxels = np.where(body, noise / noise.std() * 40 + 20 + 80 * organ, -1000).round().astype(np.int16)
    affine = np.diag([-spacing[0], -spacing[1], -spacing[2], 1.0])
    affine[:3, 3] = [12.5, 20.25, -31.0]
    image = nibabel.Nifti1Image(voxels, affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)


def runner(folder, config, into):
    """The image that MONAI's runner saves."""
    write(folder / "configs/run.json", config)
    run(
        config_file=str(folder / "configs/run.json"), meta_file=str(folder / "configs/metadata.json"), bundle_root=str(folder),
        output_dir=str(into), image_file=str(folder.parent / "ct.nii.gz"),
    )  # fmt: skip
    (folder / "configs/run.json").unlink()
    return next(into.glob("**/*.nii.gz"))


def centred(network, arguments):
    """Moves the last bias so that no class is the largest everywhere."""
    with torch.no_grad():
        logits = network(torch.randn(1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(5)))[0].flatten(1)
        biases = [tensor for name, tensor in network.named_parameters() if name.endswith("bias")]
        last = [bias for bias in biases if len(bias) == arguments["out_channels"]][-1]
        last.sub_(logits.mean(1))


def bundles():
    folder, expected = OUT / "bundles", OUT / "bundles/expected"
    shutil.rmtree(folder, ignore_errors=True)
    expected.mkdir(parents=True)
    ct(folder / "ct.nii.gz")
    for seed, (name, (network, preprocessing, inferer, postprocessing, classes)) in enumerate(BUNDLES.items()):
        here = folder / name
        config = inference(network, preprocessing, inferer, postprocessing)
        write(here / "configs/inference.json", config)
        write(here / "configs/metadata.json", metadata(name, network, classes))
        (here / "models").mkdir()
        model = built(*network, seed + 11)
        centred(model, network[1])
        torch.save(model.state_dict(), here / "models/model.pt")
        with tempfile.TemporaryDirectory() as scratch:
            mask = runner(here, config, Path(scratch) / "mask")
            voxels = np.asarray(nibabel.load(mask).dataobj)
            print(name, voxels.shape, np.unique(voxels, return_counts=True))
            shutil.copy(mask, expected / f"{name}.nii.gz")
            # The same without the step that makes labels, and without those behind it.
            first = next(n for n, step in enumerate(postprocessing) if step["_target_"] == "AsDiscreted")
            config["postprocessing"]["transforms"] = [*postprocessing[:first], SAVE]
            probabilities = nibabel.load(runner(here, config, Path(scratch) / "probabilities"))
            values = np.asarray(probabilities.dataobj, dtype=np.float32)
            # [x, y, z, class] to [class, x, y, z].
            tensors = {"probabilities": np.moveaxis(values, -1, 0), "affine": probabilities.affine.astype(np.float32)}
            on = "image" if any(step["_target_"] == "Invertd" for step in postprocessing[:first]) else "network"
            case = json.dumps({"params": {"grid": on}, "tolerance": {"rtol": 1e-4, "atol": 1e-5}})
            save(expected / f"{name}.safetensors", tensors, {"case": case})


if __name__ == "__main__":
    torch.set_num_threads(1)
    shapes()
    networks()
    bundles()
