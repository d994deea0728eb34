"""The layers of medseg-kernels' bench `strided` in PyTorch: strided, anisotropic, transposed and few-channel convolutions.

    python benches/peers/strided.py [THREADS] [PART_OF_A_ROW'S_NAME...]

Prints the faster of both memory formats for each pass: minima of milliseconds, and GFLOP/s of the direct sum.
"""

import sys
import time

import torch

HALVING = ([3, 3, 3], [2, 2, 2], [1, 1, 1])
HALVING_IN_PLANE = ([3, 3, 3], [1, 2, 2], [1, 1, 1])
FLAT_HALVING = ([1, 3, 3], [1, 2, 2], [0, 1, 1])
FLAT = ([1, 3, 3], [1, 1, 1], [0, 1, 1])
ALONG_DEPTH = ([3, 1, 1], [1, 1, 1], [1, 0, 0])
LONG_DEPTH = ([7, 1, 1], [1, 1, 1], [3, 0, 0])
LONG_WIDTH = ([1, 1, 7], [1, 1, 1], [0, 0, 3])
SHORTCUT = ([1, 1, 1], [2, 2, 2], [0, 0, 0])
DOUBLING = ([2, 2, 2], [2, 2, 2], [0, 0, 0])
DOUBLING_IN_PLANE = ([1, 2, 2], [1, 2, 2], [0, 0, 0])
FIRST = ([3, 3, 3], [1, 1, 1], [1, 1, 1])

# Transposed, window, channels read and written, shape read.
LAYERS = [
    (False, HALVING, 32, 64, [128] * 3),
    (False, HALVING, 64, 128, [64] * 3),
    (False, HALVING, 128, 256, [32] * 3),
    (False, HALVING, 256, 320, [16] * 3),
    (False, HALVING, 320, 320, [8] * 3),
    (False, HALVING_IN_PLANE, 64, 128, [32, 64, 64]),
    (False, HALVING_IN_PLANE, 320, 320, [8] * 3),
    (False, FLAT_HALVING, 32, 64, [32, 128, 128]),
    (False, FLAT_HALVING, 128, 256, [16, 40, 40]),
    (False, FLAT, 32, 32, [32, 128, 128]),
    (False, ALONG_DEPTH, 64, 64, [32, 64, 64]),
    (False, LONG_DEPTH, 32, 32, [64] * 3),
    (False, LONG_WIDTH, 32, 32, [64] * 3),
    (False, SHORTCUT, 32, 64, [128] * 3),
    (False, SHORTCUT, 128, 256, [32] * 3),
    (False, SHORTCUT, 320, 320, [8] * 3),
    (True, DOUBLING, 64, 32, [64] * 3),
    (True, DOUBLING, 128, 64, [32] * 3),
    (True, DOUBLING, 320, 256, [8] * 3),
    (True, DOUBLING, 320, 320, [4] * 3),
    (True, DOUBLING_IN_PLANE, 64, 32, [32, 64, 64]),
    (False, FIRST, 1, 16, [128] * 3),
    (False, FIRST, 1, 32, [128] * 3),
    (False, FIRST, 4, 32, [128] * 3),
]


def name(sizes):
    return str(sizes[0]) if len(set(sizes)) == 1 else "x".join(map(str, sizes))


def least_seconds(work, runs=5):
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def passes(transposed, window, inputs, outputs, shape, layout):
    """Each pass's work, and the multiplications and additions of one."""
    kernel, stride, padding = window
    x = torch.rand(1, inputs, *shape).to(memory_format=layout)
    channels = (inputs, outputs) if transposed else (outputs, inputs)
    w = torch.rand(*channels, *kernel).to(memory_format=layout)
    convolution = torch.nn.functional.conv_transpose3d if transposed else torch.nn.functional.conv3d
    y = convolution(x, w, stride=stride, padding=padding)
    small = x if transposed else y
    flops = 2 * inputs * outputs * torch.Size(kernel).numel() * small.shape[2:].numel()

    def gradient(which):
        output_padding = [0, 0, 0]
        return lambda: torch.ops.aten.convolution_backward(
            y, x, w, None, stride, padding, [1, 1, 1], transposed, output_padding, 1, which
        )

    return flops, {
        "forward": lambda: convolution(x, w, stride=stride, padding=padding),
        "input gradient": gradient([True, False, False]),
        "weight gradient": gradient([False, True, False]),
    }


def main():
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else torch.get_num_threads())
    parts = sys.argv[2:]
    for transposed, window, inputs, outputs, shape in LAYERS:
        kind = "transposed " if transposed else ""
        layer = f"{kind}{name(window[0])} / {name(window[1])}, {inputs}->{outputs}, {name(shape)}"
        best = {}
        with torch.no_grad():
            for layout in [torch.contiguous_format, torch.channels_last_3d]:
                flops, works = passes(transposed, window, inputs, outputs, shape, layout)
                for which, work in works.items():
                    if not parts or any(part in f"{layer} {which}" for part in parts):
                        best[which] = min(best.get(which, float("inf")), least_seconds(work))
        for which, seconds in best.items():
            print(f"{layer:40} {which:16} {seconds * 1e3:9.2f} ms {flops / seconds / 1e9:7.1f} GFLOP/s", flush=True)


if __name__ == "__main__":
    main()
