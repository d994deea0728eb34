"""The bench `gpu_conv3d` in PyTorch, with the same table: pip install torch.

    python benches/peers/gpu_conv3d.py [--sizes network|small] [--batch 4] [--runs 10] [--device cuda]

In both memory formats, in f32 with TF32 allowed and in bf16; a norm and ReLU as PyTorch runs them, one after the other, and
compiled with --compile. Times are medians, each from an idle to an idle GPU, after runs in which cuDNN chooses its
algorithms; gradients are timed without the forward pass.
"""

import argparse
import statistics
import time

import torch
import torch.nn.functional as F

LEVELS = {
    "network": [(16, 128), (32, 64), (64, 32), (128, 16), (256, 8)],
    "small": [(4, 16), (8, 8), (16, 4)],
}
LAYOUTS = {"NCDHW": torch.contiguous_format, "NDHWC": torch.channels_last_3d}
TYPES = {torch.float32: "F32", torch.bfloat16: "BF16"}


def idle(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def median(runs, seconds):
    return statistics.median([seconds() for _ in range(3 + runs)][3:])


def whole(device, op):
    """The time of an operation."""

    def work():
        start = idle(device)
        op()
        return idle(device) - start

    return work


def backward(device, op, x):
    """The time of the gradient of x alone."""
    x = x.detach().requires_grad_()

    def work():
        y = op(x)
        cotangent = torch.ones_like(y)
        start = idle(device)
        torch.autograd.grad(y, x, cotangent)
        return idle(device) - start

    return work


def norm_relu(x):
    return F.relu(F.instance_norm(x))


class Bench:
    def __init__(self, args, dtype, layout):
        self.args, self.dtype, self.layout = args, dtype, layout
        self.device = torch.device(args.device)
        self.norm_relu = torch.compile(norm_relu) if args.compile else norm_relu

    def random(self, *shape):
        x = torch.rand(shape, device=self.device, dtype=torch.float32) * 2 - 1
        return x.to(self.dtype).to(memory_format=LAYOUTS[self.layout])

    def show(self, level, name, work, flops=None, size=None):
        try:
            seconds = median(self.args.runs, work)
        except torch.cuda.OutOfMemoryError:
            print(f"{TYPES[self.dtype]:<6}{self.layout:<8}{level:<16}{name:<36}out of memory", flush=True)
            return
        flops = f"{flops / seconds / 1e12:.2f}" if flops else ""
        size = f"{size / seconds / 1e9:.2f}" if size else ""
        start = f"{TYPES[self.dtype]:<6}{self.layout:<8}{level:<16}{name:<36}"
        print(f"{start}{seconds * 1e3:>10.3f}{flops:>10}{size:>10}", flush=True)

    def conv(self, channels, side, inputs, name, gradients):
        level, batch = f"{channels} at {side}^3", self.args.batch
        flops = 54 * inputs * channels * batch * side**3
        x, w = self.random(batch, inputs, side, side, side), self.random(channels, inputs, 3, 3, 3)

        def gradient(which):
            g = self.random(batch, channels, side, side, side)
            arguments = (None, [1] * 3, [1] * 3, [1] * 3, False, [0] * 3, 1, which)
            return whole(self.device, lambda: torch.ops.aten.convolution_backward(g, x, w, *arguments))

        with torch.no_grad():
            self.show(level, name, whole(self.device, lambda: F.conv3d(x, w, padding=1)), flops)
            if gradients:
                self.show(level, f"{name}, input gradient", gradient([True, False, False]), flops)
                self.show(level, f"{name}, weight gradient", gradient([False, True, False]), flops)

    def joined(self, channels, side):
        batch = self.args.batch
        skip, w = self.random(batch, channels, side, side, side), self.random(channels, 3 * channels, 3, 3, 3)
        below = self.random(batch, 2 * channels, side // 2, side // 2, side // 2)

        def work():
            large = F.interpolate(below, scale_factor=2, mode="trilinear", align_corners=True)
            F.conv3d(torch.cat([skip, large], 1), w, padding=1)

        flops = 54 * 3 * channels * channels * batch * side**3
        with torch.no_grad():
            self.show(f"{channels} at {side}^3", "conv 3x3x3 of skip and below", whole(self.device, work), flops)

    def rest(self, channels, side):
        level, batch = f"{channels} at {side}^3", self.args.batch
        bytes_of_value = torch.empty(0, dtype=self.dtype).element_size()
        size = bytes_of_value * batch * channels * side**3
        x, small = (self.random(batch, channels, s, s, s) for s in (side, side // 2))
        pool = 1 + (1 + 1 / bytes_of_value) / 8

        def upsample(y):
            return F.interpolate(y, scale_factor=2, mode="trilinear", align_corners=True)

        for name, op, of, forward, back in [
            ("norm and ReLU", self.norm_relu, x, 3, 5),
            ("max pool 2", lambda y: F.max_pool3d(y, 2), x, pool, pool),
            ("upsample to it", upsample, small, 1.125, 1.125),
        ]:
            with torch.no_grad():
                self.show(level, name, whole(self.device, lambda: op(of)), size=size * forward)
            self.show(level, f"{name}, gradient", backward(self.device, op, of), size=size * back)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", choices=LEVELS, default="network")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cuda.matmul.allow_tf32 = True
    name = torch.cuda.get_device_name() if args.device.startswith("cuda") else args.device
    print(f"{name}, torch {torch.__version__}, batch {args.batch}, median of {args.runs} runs")
    print(f"{'type':<6}{'format':<8}{'level':<16}{'operation':<36}{'ms':>10}{'TFLOP/s':>10}{'GB/s':>10}")
    for dtype in TYPES:
        for layout in LAYOUTS:
            bench = Bench(args, dtype, layout)
            for channels, side in LEVELS[args.sizes]:
                bench.conv(channels, side, channels, "conv 3x3x3", gradients=True)
                bench.rest(channels, side)
            channels, side = LEVELS[args.sizes][0]
            bench.conv(channels, side, 1, "conv 3x3x3 of one channel", gradients=False)
            bench.joined(channels, side)


if __name__ == "__main__":
    main()
