"""The networks of the bench `unet` in OpenVINO beside medseg, in turn: f32 and bf16, 96^3 and 128^3.

    pip install numpy torch onnx openvino
    cargo bench --profile dev --bench unet --no-run            # prints the program's path
    python benches/peers/openvino_unet.py PROGRAM [NETWORK [ROUNDS]]

NETWORK is `unet`, the experiments' (default), or `plain`, nnU-Net's default one: six stages of 32 to 320 channels. Each round
runs a process of each engine with two threads: the median of five passes after a first one, and the process's peak memory.
The last lines are the medians of all rounds and their ratios.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

SIZES = (96, 128)
PRECISIONS = ("f32", "bf16")
PASSES = 5


def plain():
    """nnU-Net's PlainConvUNet as it plans it for isotropic data, with random weights."""
    from torch import cat, nn

    def convs(inputs, outputs, stride):
        def one(inputs, stride):
            conv = nn.Conv3d(inputs, outputs, 3, stride, 1)
            return [conv, nn.InstanceNorm3d(outputs, affine=True), nn.LeakyReLU(0.01)]

        return nn.Sequential(*one(inputs, stride), *one(outputs, 1))

    class Plain(nn.Module):
        def __init__(self, channels=(32, 64, 128, 256, 320, 320)):
            super().__init__()
            inputs = [1, *channels[:-1]]
            self.down = nn.ModuleList(convs(i, o, 1 if n == 0 else 2) for n, (i, o) in enumerate(zip(inputs, channels)))
            pairs = list(zip(channels[-2::-1], channels[:0:-1]))
            self.grow = nn.ModuleList(nn.ConvTranspose3d(below, skip, 2, 2) for skip, below in pairs)
            self.up = nn.ModuleList(convs(2 * skip, skip, 1) for skip, _ in pairs)
            self.last = nn.Conv3d(channels[0], 2, 1)

        def forward(self, x):
            skips = []
            for stage in self.down:
                x = stage(x)
                skips.append(x)
            skips.pop()
            for grow, stage in zip(self.grow, self.up):
                x = stage(cat([grow(x), skips.pop()], dim=1))
            return self.last(x)

    return Plain()


def export(name, path):
    import torch

    from network import UNet

    torch.manual_seed(0)
    network = (plain() if name == "plain" else UNet([16, 32, 64, 128, 256])).eval()
    size = 64
    with torch.no_grad():
        axes = {"image": {2: "depth", 3: "height", 4: "width"}}
        image = torch.rand(1, 1, size, size, size)
        # The size is fixed when the model is compiled.
        torch.onnx.export(
            network, (image,), path, dynamo=False, opset_version=18, input_names=["image"], dynamic_axes=axes
        )


def openvino(model, size, precision):
    import numpy
    from openvino import Core

    core = Core()
    network = core.read_model(model)
    network.reshape([1, 1, size, size, size])
    hints = {"INFERENCE_NUM_THREADS": 2, "INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    request = core.compile_model(network, "CPU", hints).create_infer_request()
    image = numpy.random.default_rng(0).random((1, 1, size, size, size), numpy.float32)
    request.infer({0: image})
    seconds = []
    for _ in range(PASSES):
        started = time.perf_counter()
        request.infer({0: image})
        seconds.append(time.perf_counter() - started)
    print(f"{statistics.median(seconds):.3f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}")


def medseg(program, network, size, precision):
    settings = {"MEMORY": size, "PASSES": PASSES, "PRECISION": precision, "NETWORK": network}
    variables = {f"MEDSEG_BENCH_{name}": str(value) for name, value in settings.items()}
    environment = {**os.environ, "RAYON_NUM_THREADS": "2", **variables}
    words = subprocess.run([program, "--bench"], env=environment, capture_output=True, text=True, check=True).stdout.split()
    return float(words[0]), int(words[words.index("VmHWM:") + 1]) // 1024


def main():
    if sys.argv[1] == "peer":
        return openvino(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    program, *rest = sys.argv[1:]
    network, rounds = (rest + ["unet"])[0], int((rest + ["unet", "5"][len(rest) :])[1])
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        model = f"{folder}/network.onnx"
        export(network, model)
        for number in range(rounds):
            for key in [(size, precision) for size in SIZES for precision in PRECISIONS]:
                peer = subprocess.run([sys.executable, __file__, "peer", model, *map(str, key)], capture_output=True, text=True)
                seconds, memory = peer.stdout.split()
                both = ((float(seconds), int(memory)), medseg(program, network, *key))
                results.setdefault(key, []).append(both)
                print(number, network, *key, "OpenVINO %.3f s, %d MiB" % both[0], "medseg %.3f s, %d MiB" % both[1], flush=True)
    for key, rounds in results.items():
        seconds = [statistics.median(of[engine][0] for of in rounds) for engine in (0, 1)]
        memory = [statistics.median(of[engine][1] for of in rounds) for engine in (0, 1)]
        print(
            f"{network} {key[0]}^3 {key[1]}: OpenVINO {seconds[0]:.3f} s, medseg {seconds[1]:.3f} s: {seconds[0] / seconds[1]:.2f}; "
            f"{memory[0]:.0f} and {memory[1]:.0f} MiB: {memory[1] / memory[0]:.2f}"
        )


if __name__ == "__main__":
    main()
