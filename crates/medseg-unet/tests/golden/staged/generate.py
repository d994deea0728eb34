"""Writes crates/medseg-unet/tests/golden/staged/*.safetensors: outputs and gradients of nnU-Net's networks.

Run from the repository's root, with torch, numpy, safetensors and dynamic-network-architectures installed:

    python crates/medseg-unet/tests/golden/staged/generate.py

Each case names the settings as medseg-unet spells them. Weights are random numbers in f32, everything else is computed in
double precision. Tensors: `input`; the state dict without its duplicates, `weight/NAME`; the logits of all decoder stages from
the highest resolution down, `output/I`; the loss is the sum of `factor/I` times them, and `gradient/NAME` its gradients, with
the input's as `gradient/input`. A case with batch norm was in training for these; `evaluated/I` are its logits out of
training, and `after/NAME` its running statistics behind the pass in training."""

import json
from pathlib import Path

import numpy as np
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet
from dynamic_network_architectures.building_blocks.residual import BasicBlockD, BottleneckD
from safetensors.torch import save_file
from torch import nn

OUT = Path("crates/medseg-unet/tests/golden/staged")


def stage(features, stride=(2, 2, 2), kernel=(3, 3, 3), blocks=1, bottleneck=None):
    more = {} if bottleneck is None else {"bottleneck_channels": bottleneck}
    return {"features": features, "kernel": list(kernel), "stride": list(stride), "blocks": blocks} | more


ONE = (1, 1, 1)
CASES = {
    "plain_anisotropic": (
        {"in_channels": 2, "out_channels": 3, "decoder_convs": [2, 1],
         "stages": [stage(3, ONE, (1, 3, 3), 2), stage(4, (1, 2, 2), (3, 3, 3), 2), stage(5, (2, 2, 2), (3, 3, 3), 1)]},
        (2, 2, 4, 8, 12),
    ),
    "plain_uneven_strides": (
        {"decoder_convs": [1, 1], "stages": [stage(3, ONE), stage(4, (2, 1, 2), (3, 1, 3), 2), stage(4, (1, 3, 2))]},
        (1, 1, 6, 9, 12),
    ),
    "plain_without_bias": (
        {"decoder_convs": [1, 2], "conv_bias": False, "activation": "relu", "eps": 0.001,
         "stages": [stage(3, ONE, blocks=2), stage(4), stage(4, (1, 2, 1))]},
        (1, 1, 6, 8, 10),
    ),
    "plain_strided_at_once": (
        {"decoder_convs": [2], "stages": [stage(3, (1, 2, 2), (1, 5, 3), 2), stage(4, (2, 2, 1))]},
        (1, 1, 4, 12, 8),
    ),
    "plain_2d": (
        {"dimensions": 2, "decoder_convs": [2, 2],
         "stages": [stage(3, ONE, (1, 3, 3), 2), stage(4, (1, 2, 2), (1, 3, 3), 2), stage(6, (1, 2, 2), (1, 3, 3), 2)]},
        (2, 1, 1, 12, 16),
    ),
    "activation_first": (
        {"decoder_convs": [1, 1], "activation_first": True, "activation": {"leaky_relu": {"slope": 0.2}},
         "stages": [stage(3, ONE, blocks=2), stage(4), stage(4, (2, 2, 1))]},
        (1, 1, 8, 8, 6),
    ),
    "residual": (
        {"encoder": "residual", "in_channels": 2, "out_channels": 3, "decoder_convs": [1, 1],
         "stages": [stage(3, ONE), stage(4, (1, 2, 2), blocks=2), stage(4, (2, 2, 2), blocks=2)]},
        (1, 2, 4, 8, 12),
    ),
    "residual_2d": (
        {"encoder": "residual", "dimensions": 2, "stem_channels": 2, "decoder_convs": [1, 2],
         "stages": [stage(3, ONE, (1, 3, 3), 2), stage(4, (1, 2, 2), (1, 3, 3)), stage(4, (1, 1, 2), (1, 3, 3), 2)]},
        (2, 1, 1, 8, 16),
    ),
    "bottleneck": (
        {"encoder": "bottleneck", "stem_channels": 4, "decoder_convs": [1, 1], "activation": "relu",
         "stages": [stage(4, ONE, bottleneck=2), stage(6, (1, 2, 2), (1, 3, 3), 2, 3), stage(6, (2, 2, 2), bottleneck=2)]},
        (1, 1, 4, 8, 12),
    ),
    "batch_norm": (
        {"norm": {"batch": {"momentum": 0.1}}, "decoder_convs": [1, 1],
         "stages": [stage(3, ONE, (1, 3, 3), 2), stage(4, (1, 2, 2)), stage(4, (2, 2, 2))]},
        (2, 1, 4, 8, 8),
    ),
    "residual_batch_norm": (
        {"encoder": "residual", "norm": {"batch": {"momentum": 0.25}}, "decoder_convs": [1],
         "stages": [stage(3, ONE, blocks=2), stage(4, (2, 2, 2), blocks=2)]},
        (2, 1, 4, 6, 8),
    ),
}


def network(config):
    """The network of nnU-Net with these settings."""
    flat = config.get("dimensions", 3) == 2
    triple = (lambda t: t[1:]) if flat else (lambda t: t)
    stages = config["stages"]
    batch = config.get("norm", {}).get("batch")
    instance = {"eps": config.get("eps", 1e-5), "affine": True}
    activation = config.get("activation", {"leaky_relu": {"slope": 0.01}})
    nonlin = (nn.ReLU, {}) if activation == "relu" else (nn.LeakyReLU, {"negative_slope": activation["leaky_relu"]["slope"]})
    if batch is None:
        norm = (nn.InstanceNorm2d if flat else nn.InstanceNorm3d, instance)
    else:
        norm = (nn.BatchNorm2d if flat else nn.BatchNorm3d, {"momentum": batch["momentum"]})
    common = {
        "input_channels": config.get("in_channels", 1), "n_stages": len(stages),
        "features_per_stage": [s["features"] for s in stages], "conv_op": nn.Conv2d if flat else nn.Conv3d,
        "kernel_sizes": [triple(s["kernel"]) for s in stages], "strides": [triple(s["stride"]) for s in stages],
        "num_classes": config.get("out_channels", 2), "n_conv_per_stage_decoder": config["decoder_convs"],
        "conv_bias": config.get("conv_bias", True), "norm_op": norm[0], "norm_op_kwargs": norm[1], "nonlin": nonlin[0],
        "nonlin_kwargs": nonlin[1], "deep_supervision": True,
    }
    blocks = [s["blocks"] for s in stages]
    encoder = config.get("encoder", "plain")
    if encoder == "plain":
        return PlainConvUNet(**common, n_conv_per_stage=blocks, nonlin_first=config.get("activation_first", False))
    return ResidualEncoderUNet(
        **common, n_blocks_per_stage=blocks, block={"residual": BasicBlockD, "bottleneck": BottleneckD}[encoder],
        bottleneck_channels=[s.get("bottleneck_channels") for s in stages], stem_channels=config.get("stem_channels"),
    )


def own(key):
    """True for the first of the names that a tensor has in the state dict."""
    return not (key.startswith("decoder.encoder.") or ".all_modules." in key or key.endswith("num_batches_tracked"))


def randomised(net):
    for key, tensor in net.state_dict().items():
        if not own(key):
            continue
        noise = torch.randn(tensor.shape, dtype=torch.float32)
        if key.endswith("running_var") or key.endswith("norm.weight"):
            noise = 1 + 0.2 * noise.clamp(-2, 2)
        elif tensor.ndim == 1:
            noise = 0.2 * noise
        else:
            noise = noise * (2 / tensor[0].numel()) ** 0.5
        tensor.copy_(noise)


def write(name, config, shape):
    net = network(config).double()
    with torch.no_grad():
        randomised(net)
    flat = config.get("dimensions", 3) == 2
    image = torch.randn(shape, dtype=torch.float32)
    weights = {f"weight/{k}": v.float().clone() for k, v in net.state_dict().items() if own(k)}
    tensors = weights | {"input": image}
    x = (image[:, :, 0] if flat else image).double()
    deep = (lambda t: t[:, :, None]) if flat else (lambda t: t)
    if "batch" in config.get("norm", {}):
        net.eval()
        with torch.no_grad():
            tensors |= {f"evaluated/{i}": deep(y) for i, y in enumerate(net(x))}
        net.train()
    x.requires_grad_()
    outputs = net(x)
    factors = [torch.randn(y.shape, dtype=torch.float32) for y in outputs]
    sum((f.double() * y).sum() for f, y in zip(factors, outputs)).backward()
    tensors |= {f"output/{i}": deep(y.detach()) for i, y in enumerate(outputs)}
    tensors |= {f"factor/{i}": deep(f) for i, f in enumerate(factors)}
    tensors |= {f"gradient/{k}": p.grad for k, p in net.named_parameters(remove_duplicate=True) if own(k)}
    tensors["gradient/input"] = deep(x.grad)
    tensors |= {f"after/{k}": v for k, v in net.state_dict().items() if own(k) and "running_" in k}
    case = {"params": {"config": config}, "tolerance": {"rtol": 0.0, "atol": 1e-5}}
    stored = {k: v.float().contiguous() for k, v in tensors.items()}
    save_file(stored, OUT / f"{name}.safetensors", metadata={"case": json.dumps(case)})


torch.manual_seed(11)
for name, (config, shape) in CASES.items():
    write(name, config, shape)
