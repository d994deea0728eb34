"""The bench `gpu_step` in PyTorch: a batch of windows forward, a training step with Dice loss and NovoGrad, and (with
`--parts window`) a sliding window over a whole image as the bench `sliding_window` takes it. pip install torch.

    python benches/peers/gpu_step.py [--parts forward,train,window] [--side 128] [--batch 4] [--compile]

In both memory formats, in f32 with TF32 allowed and under autocast to bf16; with --compile also through torch.compile. One line
for each: the first run's seconds, the median of the runs after the second, each from an idle to an idle device, and the most
memory that tensors took. The sliding window is image on the host to mask on the host, windows gathered and added up on the
device with Gaussian weights and overlap 0.5, as MONAI does it.
"""

import argparse
import statistics
import time

import torch

from network import UNet

LAYOUTS = {"NCDHW": torch.contiguous_format, "NDHWC": torch.channels_last_3d}


class NovoGrad:
    """One second moment for each tensor; the betas of the experiments."""

    def __init__(self, parameters, lr=0.001, betas=(0.9, 0.98), eps=1e-8):
        self.parameters, self.lr, self.betas, self.eps = list(parameters), lr, betas, eps
        self.first, self.second = None, None

    @torch.no_grad()
    def step(self):
        gradients = [p.grad for p in self.parameters]
        squares = torch.stack(torch._foreach_norm(gradients)) ** 2
        started = self.second is not None
        self.second = self.betas[1] * self.second + (1 - self.betas[1]) * squares if started else squares
        scaled = torch._foreach_div(gradients, list((self.second.sqrt() + self.eps).unbind()))
        if started:
            torch._foreach_mul_(self.first, self.betas[0])
            torch._foreach_add_(self.first, scaled)
        else:
            self.first = scaled
        torch._foreach_add_(self.parameters, self.first, alpha=-self.lr)
        for p in self.parameters:
            p.grad = None


def dice_loss(logits, label):
    p, dims = torch.sigmoid(logits.float()), (2, 3, 4)
    both = (p * label).sum(dims)
    return (1 - (2 * both + 1e-5) / (p.sum(dims) + label.sum(dims) + 1e-5)).mean()


def gaussian(side, device):
    """The window's weights: sigma is an eighth of the side."""
    at = torch.arange(side, device=device) - (side - 1) / 2
    one = torch.exp(-0.5 * (at / (side / 8)) ** 2)
    return (one[:, None, None] * one[None, :, None] * one[None, None, :]).clamp_min(1e-3)


def starts(size, side):
    last, step = max(size - side, 0), max(side // 2, 1)
    return [*range(0, last, step), last]


@torch.inference_mode()
def sliding_window(network, image, side, batch, device, layout):
    image = image.to(device)
    weights = gaussian(side, device)
    sums, total = torch.zeros_like(image), torch.zeros_like(image)
    cubes = [
        (slice(z, z + side), slice(y, y + side), slice(x, x + side))
        for z in starts(image.shape[0], side)
        for y in starts(image.shape[1], side)
        for x in starts(image.shape[2], side)
    ]
    for first in range(0, len(cubes), batch):
        part = cubes[first : first + batch]
        windows = torch.stack([image[cube] for cube in part])[:, None].to(memory_format=layout)
        for cube, logits in zip(part, network(windows).float()):
            sums[cube] += logits[0] * weights
            total[cube] += weights
    return (sums / total >= 0).to(torch.uint8).cpu()


def idle(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def timed(run, runs, device):
    def once():
        started = idle(device)
        run()
        return idle(device) - started

    first = once()
    once()
    return first, statistics.median(once() for _ in range(max(runs, 1)))


def work(part, args, dtype, layout, compiled, device):
    """What is to be timed."""
    torch.manual_seed(1)
    network = UNet(args.channels).to(device, memory_format=layout)
    call = torch.compile(network) if compiled else network
    amp = lambda: torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == "bf16")
    if part == "window":
        network.eval()
        image = torch.rand(*args.image)

        def forward(windows):
            with amp():
                return call(windows)

        return lambda: sliding_window(forward, image, args.side, args.batch, device, layout)
    image = torch.rand(args.batch, 1, args.side, args.side, args.side, device=device).to(memory_format=layout)
    if part == "forward":
        network.eval()

        def run():
            with torch.inference_mode(), amp():
                call(image)

        return run
    optimizer, label = NovoGrad(network.parameters()), (image > 0.5).float()

    def step():
        with amp():
            logits = call(image)
        dice_loss(logits, label).backward()
        optimizer.step()

    return step


def measure(part, args, dtype, layout, compiled, device):
    name = f"{part} {dtype} {layout} {'compiled' if compiled else 'eager'}"
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    try:
        first, median = timed(work(part, args, dtype, LAYOUTS[layout], compiled, device), args.runs, device)
    except Exception as error:  # the other lines are worth having
        print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}", flush=True)
        return
    memory = f", {torch.cuda.max_memory_allocated(device) >> 20} MiB" if device.type == "cuda" else ""
    print(f"{name}: first {first:.2f} s, then {median * 1e3:.2f} ms{memory}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = lambda text: [int(word) for word in text.split(",")]
    words = lambda text: text.split(",")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--parts", type=words, default=["forward", "train"])
    parser.add_argument("--types", type=words, default=["bf16", "f32"])
    parser.add_argument("--channels", type=numbers, default=[16, 32, 64, 128, 256])
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--image", type=numbers, default=[256, 512, 512])
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--compile", action="store_true", help="also through torch.compile")
    args = parser.parse_args()
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cuda.matmul.allow_tf32 = True
    device = torch.device(args.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}, {args.batch} x {args.side}^3, channels {args.channels}", flush=True)
    # Eager first, so that a time limit cuts what compiling may not finish.
    for compiled in [False, True][: 1 + args.compile]:
        for part in args.parts:
            for dtype in args.types:
                for layout in LAYOUTS:
                    measure(part, args, dtype, layout, compiled, device)


if __name__ == "__main__":
    main()
