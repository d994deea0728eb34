"""State dicts of the reference experiments' network in PyTorch, for the import of `medseg-unet`, and the way back.

    python benches/peers/state_dict.py write FOLDER   # for each case: files/CASE.pth, and CASE.safetensors with input and output
    cargo run -p medseg-unet --example pytorch_round_trip -- FOLDER   # loads, compares, writes files/CASE.back.safetensors
    python benches/peers/state_dict.py check FOLDER   # loads what came back, strictly, and compares

`crates/medseg-unet/tests/golden/state_dict` is what `write` made."""

import json
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

NORMS = {
    "instance": lambda c: nn.InstanceNorm3d(c),
    "instance_affine": lambda c: nn.InstanceNorm3d(c, affine=True),
    "group": lambda c: nn.GroupNorm(2, c),
    "batch": lambda c: nn.BatchNorm3d(c),
}
ACTIVATIONS = {
    "relu": lambda: nn.ReLU(),
    "leaky_relu": lambda: nn.LeakyReLU(0.01),
    "gelu": lambda: nn.GELU(),
    "silu": lambda: nn.SiLU(),
}
# What the Rust configuration calls the same.
RUST_NORMS = {
    "instance": {"instance": {"affine": False}},
    "instance_affine": {"instance": {"affine": True}},
    "group": {"group": {"groups": 2}},
    "batch": {"batch": {"momentum": 0.1}},
}
RUST_ACTIVATIONS = {name: name for name in ACTIVATIONS} | {"leaky_relu": {"leaky_relu": {"slope": 0.01}}}


class Unit(nn.Module):
    """Convolution and norm; with an activation also dropout, which does nothing here, and that."""

    def __init__(self, inputs, outputs, kernel, case, active):
        super().__init__()
        self.conv = nn.Conv3d(inputs, outputs, kernel, padding=kernel // 2, bias=case["conv_bias"])
        self.norm = NORMS[case["norm"]](outputs)
        self.act = ACTIVATIONS[case["activation"]]() if active else nn.Identity()

    def forward(self, x):
        return self.act(self.norm(self.conv(x)))


class Block(nn.Module):
    def __init__(self, kind, inputs, outputs, case):
        super().__init__()

        def pair(first, last_active):
            return nn.Sequential(Unit(first, outputs, 3, case, True), Unit(outputs, outputs, 3, case, last_active))

        self.kind = kind
        self.act = ACTIVATIONS[case["activation"]]()
        if kind == "two_layer":
            self.unet_unit = pair(inputs, True)
        elif kind == "res_two_layer":
            self.residual_unit = pair(inputs, False)
            self.shortcut_unit = Unit(inputs, outputs, 1, case, False)
        else:
            self.residual_unit_1, self.residual_unit_2 = pair(inputs, False), pair(outputs, False)
            self.shortcut_unit_1 = Unit(inputs, outputs, 1, case, False)

    def forward(self, x):
        if self.kind == "two_layer":
            return self.unet_unit(x)
        if self.kind == "res_two_layer":
            return self.act(self.residual_unit(x) + self.shortcut_unit(x))
        y = self.act(self.residual_unit_1(x) + self.shortcut_unit_1(x))
        return self.act(self.residual_unit_2(y) + y)


class UNet(nn.Module):
    def __init__(self, case):
        super().__init__()
        channels, bottom = case["channels"], len(case["channels"]) - 1
        self.bottom, self.transposed = bottom, case["upsample"] == "transposed"
        for level in range(bottom + 1):
            inputs = channels[level - 1] if level else case["in_channels"]
            setattr(self, f"conv{level}_0", Block(case["encoder"], inputs, channels[level], case))
        for step in range(1, bottom + 1):
            level = bottom - step
            below = channels[level + 1]
            if self.transposed:
                up = nn.ConvTranspose3d(below, channels[level], 2, stride=2, bias=case["conv_bias"])
                setattr(self, f"up{level}_{step}", up)
                below = channels[level]
            setattr(self, f"conv{level}_{step}", Block(case["decoder"], channels[level] + below, channels[level], case))
        self.final = nn.Conv3d(channels[0], case["out_channels"], 1, bias=case["final_bias"])
        self.pool = nn.MaxPool3d(3, 2, 1) if case["pool_kernel"] == 3 else nn.MaxPool3d(2)
        self.grow = nn.Upsample(scale_factor=2, mode="trilinear", align_corners=True)

    def forward(self, x):
        skips = []
        for level in range(self.bottom + 1):
            x = getattr(self, f"conv{level}_0")(x if level == 0 else self.pool(x))
            skips.append(x)
        skips.pop()
        for step in range(1, self.bottom + 1):
            level = self.bottom - step
            x = getattr(self, f"up{level}_{step}")(x) if self.transposed else self.grow(x)
            x = getattr(self, f"conv{level}_{step}")(torch.cat([skips.pop(), x], dim=1))
        return self.final(x)


def case(encoder, decoder, channels, norm, activation, **others):
    base = {"in_channels": 1, "out_channels": 1, "pool_kernel": 3, "upsample": "trilinear", "conv_bias": False,
            "final_bias": False, "layout": "plain", "reversed_axes": False}
    return base | {"encoder": encoder, "decoder": decoder, "channels": channels, "norm": norm,
                   "activation": activation} | others


CASES = {
    "residual": case("res_two_layer", "res_two_layer", [2, 3, 4], "instance", "relu", layout="checkpoint"),
    "four_layers": case("res_four_layer", "two_layer", [2, 4, 6], "group", "leaky_relu", upsample="transposed",
                        pool_kernel=2, conv_bias=True, final_bias=True, in_channels=2, out_channels=3),
    "batch_norm": case("two_layer", "res_two_layer", [2, 3], "batch", "silu", layout="legacy", out_channels=2),
    "xyz": case("res_two_layer", "two_layer", [2, 3, 4], "instance_affine", "gelu", reversed_axes=True, layout="half"),
}


def save_pth(network, settings, path):
    state = network.state_dict()
    match settings["layout"]:
        case "checkpoint":
            optimizer = torch.optim.Adam(network.parameters())
            network(torch.rand(1, settings["in_channels"], 8, 8, 8)).mean().backward()
            optimizer.step()
            wrapped = {f"module.{key}": value for key, value in network.state_dict().items()}
            torch.save({"epoch": 3, "state_dict": wrapped, "optimizer": optimizer.state_dict()}, path)
        case "legacy":
            torch.save(state, path, _use_new_zipfile_serialization=False)
        case "half":
            network.half().float()
            torch.save({key: value.half() for key, value in network.state_dict().items()}, path)
        case _:
            torch.save(state, path)
    # The same keys in safetensors, to be read alike.
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path.with_suffix(".safetensors"))


def rust_config(settings):
    keys = ["in_channels", "out_channels", "channels", "encoder", "decoder", "pool_kernel", "upsample", "conv_bias",
            "final_bias"]
    return {key: settings[key] for key in keys} | {"norm": RUST_NORMS[settings["norm"]],
                                                  "activation": RUST_ACTIVATIONS[settings["activation"]], "dropout": 0.0}


def write(folder):
    (folder / "files").mkdir(parents=True, exist_ok=True)
    for seed, (name, settings) in enumerate(CASES.items()):
        torch.manual_seed(seed)
        network = UNet(settings)
        for key, value in network.state_dict().items():
            if "norm" in key and value.is_floating_point():
                value.uniform_(0.5, 1.5)
        save_pth(network, settings, folder / "files" / f"{name}.pth")
        x = torch.randn(2, settings["in_channels"], 8, 12, 16)
        with torch.no_grad():
            y = network.double().eval()(x.double()).float()
        params = {"config": rust_config(settings), "reversed_axes": settings["reversed_axes"]}
        meta = {"params": params, "tolerance": {"rtol": 0.0, "atol": 1e-4}}
        save_file({"input": x, "output": y}, folder / f"{name}.safetensors", {"case": json.dumps(meta)})
        print(f"{name}: {sum(p.numel() for p in network.parameters())} parameters")


def check(folder):
    for name, settings in CASES.items():
        network = UNet(settings)
        network.load_state_dict(load_file(folder / "files" / f"{name}.back.safetensors"), strict=True)
        with safe_open(folder / f"{name}.safetensors", "pt") as golden, torch.no_grad():
            far = (network.eval()(golden.get_tensor("input")) - golden.get_tensor("output")).abs().max().item()
        print(f"{name}: loaded strictly, largest difference of the output {far:.1e}")
        if far > 1e-4:
            sys.exit(f"{name} came back changed")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("write", "check"):
        sys.exit(__doc__)
    {"write": write, "check": check}[sys.argv[1]](Path(sys.argv[2]))
