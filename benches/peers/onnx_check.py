"""Networks of `medseg-onnx` in ONNX Runtime and OpenVINO, against their architectures in PyTorch.

    cargo run -p medseg-onnx --example random_networks -- FOLDER --networks 300
    cargo run --example onnx_networks -- FOLDER     # U-Nets of medseg-unet, with the logits of Burn
    python benches/peers/onnx_check.py FOLDER [--tolerance 1e-4]

For each FOLDER/NAME.json, with NAME.safetensors and NAME.onnx: ONNX's checker, its shape inference, and the logits of two
images of different sizes and batches. NAME.logits.safetensors, if there is one, holds a third image, with the logits that
Burn gave. PyTorch evaluates the JSON in f64 and knows nothing of the exporter. A difference is
relative to the largest logit, and is also given for PyTorch in f32, as a measure of what f32 can do. Exits with 1 if a
network fails. Needs onnx, onnxruntime, openvino, safetensors and torch.
"""

import argparse
import collections
import itertools
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino
import torch
import torch.nn.functional as F
from safetensors.torch import load_file


class Evaluator:
    """The architecture of a JSON file, run stage by stage."""

    def __init__(self, architecture, weights, used):
        self.architecture, self.weights, self.used = architecture, weights, used

    def __call__(self, image):
        outputs = {"image": image}
        for stage in self.architecture["stages"]:
            block = stage.get("block", {})
            block = self.architecture["blocks"][block] if isinstance(block, str) else block
            self.name, self.channels = stage["name"], stage.get("channels")
            self.prefix = stage.get("prefix", self.name)
            inputs = [
                self.row(outputs[branch["from"]], branch.get("through", []), f"inputs.{i}.")
                for i, branch in enumerate(stage["inputs"])
            ]
            x = inputs[0] if len(inputs) == 1 else self.join(inputs, stage.get("join", "concat"))
            y = self.row(x, block.get("steps", []), "")
            if block.get("shortcut") is not None:
                y = self.join([y, self.row(x, block["shortcut"], "shortcut.")], "add")
            outputs[stage["name"]] = self.row(y, block.get("then", []), "then.")
        return outputs[self.architecture["outputs"][0]]

    def join(self, inputs, how):
        self.used[f"{how} of {len(inputs)}"] += 1
        return torch.cat(inputs, 1) if how == "concat" else sum(inputs[1:], inputs[0])

    def row(self, x, steps, row):
        for number, step in enumerate(steps):
            named = f"{self.prefix}.{step['name']}".lstrip(".") if "name" in step else f"{self.name}.{row}{number}"
            x = self.layer(x, step, named)
        return x

    def layer(self, x, step, name):
        self.used[step["layer"]] += 1
        of = lambda role: self.weights[f"{name}.{role}"].to(x.dtype)
        bias = lambda: of("bias") if step.get("bias") else None
        eps = step.get("eps", 1e-5)
        match step["layer"]:
            case "conv":
                padding = step.get("padding") or [(k - 1) // 2 for k in step["kernel"]]
                assert len(of("weight")) == step.get("channels", self.channels)
                return F.conv3d(x, of("weight"), bias(), step.get("stride", 1), padding)
            case "transposed_conv":
                padding, output_padding = step.get("padding", 0), step.get("output_padding", 0)
                return F.conv_transpose3d(x, of("weight"), bias(), step["stride"], padding, output_padding)
            case "instance_norm":
                mean = x.mean((2, 3, 4), keepdim=True)
                variance = x.var((2, 3, 4), keepdim=True, correction=0)
                y = (x - mean) / (variance + eps).sqrt()
                column = lambda role: of(role)[:, None, None, None]
                return y * column("weight") + column("bias") if step.get("affine") else y
            case "batch_norm":
                statistics = of("running_mean"), of("running_var")
                return F.batch_norm(x, *statistics, of("weight"), of("bias"), eps=eps)
            case "group_norm":
                return F.group_norm(x, step["groups"], of("weight"), of("bias"), eps)
            case "relu":
                return F.relu(x)
            case "leaky_relu":
                return F.leaky_relu(x, step["slope"])
            case "prelu":
                return F.prelu(x, of("weight"))
            case "elu":
                return F.elu(x)
            case "gelu":
                return F.gelu(x)
            case "silu":
                return F.silu(x)
            case "max_pool":
                return F.max_pool3d(x, step["kernel"], step["stride"], step.get("padding", 0))
            case "average_pool":
                return F.avg_pool3d(x, step["kernel"])
            case "upsample":
                return F.interpolate(x, scale_factor=2, mode="trilinear", align_corners=step["align_corners"])
            case "dropout":
                return x
        raise ValueError(step["layer"])


def difference(found, expected):
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30))


def check(path, core, used):
    """Largest differences of PyTorch in f32, ONNX Runtime, OpenVINO and Burn."""
    architecture, weights = json.loads(path.read_text()), load_file(path.with_suffix(".safetensors"))
    file = str(path.with_suffix(".onnx"))
    model = onnx.load(file)
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    assert len(inferred.graph.value_info) + 1 == len(model.graph.node), "a tensor without a type"
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    # OpenVINO computes in bf16 on processors that can, unless it is asked not to.
    compiled = core.compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    torch.manual_seed(1)
    multiple, worst = architecture["size_multiple"], np.zeros(3)
    for batch, factors in [(1, (1, 1, 1)), (2, (2, 3, 2))]:
        # At least 12 voxels: OpenVINO 2026.4 reads past the end of rows of 3 in a strided convolution of 7.
        size = [m * max(f, -(-12 // m)) for m, f in zip(multiple, factors)]
        image = torch.randn(batch, architecture["in_channels"], *size)
        with torch.no_grad():
            expected = Evaluator(architecture, weights, used)(image.double()).numpy()
            single = Evaluator(architecture, weights, collections.Counter())(image).numpy()
        found = [single, session.run(None, {"image": image.numpy()})[0], compiled([image.numpy()])[0]]
        worst = np.maximum(worst, [difference(each, expected) for each in found])
    burn = path.with_suffix(".logits.safetensors")
    if not burn.exists():
        return [*worst, np.nan]
    stored = load_file(burn)
    image, logits = stored["image"], stored["logits"].numpy()
    with torch.no_grad():
        expected = Evaluator(architecture, weights, used)(image.double()).numpy()
    found = session.run(None, {"image": image.numpy()})[0], compiled([image.numpy()])[0]
    worst[1:] = np.maximum(worst[1:], [difference(each, expected) for each in found])
    return [*worst, difference(logits, expected)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    args = parser.parse_args()
    onnxruntime.set_default_logger_severity(3)
    core, used = openvino.Core(), collections.Counter()
    names, rows, failed = ["PyTorch f32", "ONNX Runtime", "OpenVINO", "Burn"], [], []
    for path in sorted(args.folder.glob("*.json")):
        try:
            row = check(path, core, used)
        except Exception as error:
            failed.append(path.stem)
            print(f"{path.stem}: {type(error).__name__}: {str(error)[:400]}")
            continue
        rows.append(row)
        if np.nanmax(row[1:]) > args.tolerance:
            failed.append(path.stem)
            print(path.stem, *itertools.chain(*zip(names, map("{:.1e}".format, row))))
    if not rows:
        sys.exit("no network was compared")
    print(f"{len(rows)} networks compared, {len(failed)} failed")
    for name, column in zip(names, np.array(rows).T):
        column = column[~np.isnan(column)]
        if len(column):
            print(f"{name}: median {np.median(column):.1e}, largest {column.max():.1e}, of {len(column)}")
    print("operations:", ", ".join(f"{name} {count}" for name, count in sorted(used.items())))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
