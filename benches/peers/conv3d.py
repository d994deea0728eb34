"""The convolutions of the bench `conv3d` in PyTorch, in both memory formats: forward in f32 and bf16, and the gradients."""

import sys

import torch

from sliding_window import median_seconds

SHAPES = [(1, 16, 128), (16, 16, 128), (48, 16, 128), (32, 32, 64), (96, 32, 64), (128, 128, 16), (256, 256, 8)]


def gradients(g, x, w, which):
    return torch.ops.aten.convolution_backward(g, x, w, None, [1] * 3, [1] * 3, [1] * 3, False, [0] * 3, 1, which)


def main():
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else torch.get_num_threads())
    for inputs, outputs, side in SHAPES:
        flops = 2 * 27 * inputs * outputs * side**3
        for layout in [torch.contiguous_format, torch.channels_last_3d]:
            x = torch.rand(1, inputs, side, side, side).to(memory_format=layout)
            w = torch.rand(outputs, inputs, 3, 3, 3).to(memory_format=layout)
            half = x.bfloat16(), w.bfloat16()
            with torch.no_grad():
                y = torch.nn.functional.conv3d(x, w, padding=1)
                times = {
                    "forward": lambda: torch.nn.functional.conv3d(x, w, padding=1),
                    "forward bf16": lambda: torch.nn.functional.conv3d(*half, padding=1),
                    "input gradient": lambda: gradients(y, x, w, [True, False, False]),
                    "weight gradient": lambda: gradients(y, x, w, [False, True, False]),
                }
                for name, run in times.items():
                    seconds = median_seconds(run)
                    rate = flops / seconds / 1e9
                    print(f"{inputs}->{outputs} {side}^3 {name}, {layout}: {seconds * 1e3:.2f} ms, {rate:.0f} GFLOP/s", flush=True)


if __name__ == "__main__":
    main()
