"""The bench `sliding_window` beside MONAI and PyTorch, in turn, each run in a process of its own: pip install torch monai.

    cargo bench --profile dev --bench sliding_window --no-run     (prints the program's path)
    python benches/peers/sliding_window.py PROGRAM [--case stitching1 stitching14 unet] [--rounds 3] [--threads 2]

Overlap 0.5, Gaussian, image to mask: stitching with a predictor that returns its input (once, or for 14 classes) on
256×512×512 with windows of 128³, and the residual U-Net of the experiments on 128×256×256, PyTorch in the better of its two
memory formats. Prints medians of seconds and peaks of resident memory, whole and above what image and libraries take before.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time

# predictor, classes, depth, height, width, window, windows a batch
CASES = {
    "stitching1": "identity 1 256 512 512 128 4",
    "stitching14": "identity 14 256 512 512 128 4",
    "unet": "unet 1 128 256 256 128 1",
}
LAYOUTS = {"identity": ["contiguous_format"], "unet": ["contiguous_format", "channels_last_3d"]}


def median_seconds(work, runs=5):
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS"))


def monai(case, layout, threads):
    """One run of this process, as the Rust side does it: image to mask. Prints seconds, memory before, and peak."""
    import torch
    from monai.inferers import sliding_window_inference

    from network import UNet

    predictor, *numbers = case.split()
    classes, d, h, w, roi, batch = map(int, numbers)
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    layout = getattr(torch, layout)
    image = torch.rand(1, 1, d, h, w)
    if predictor == "unet":
        network = UNet([16, 32, 64, 128, 256]).eval().to(memory_format=layout)
        predict = lambda x: network(x.to(memory_format=layout))
    else:
        predict = lambda x: x if classes == 1 else x.repeat(1, classes, 1, 1, 1)
    before = resident()
    start = time.perf_counter()
    with torch.inference_mode():
        logits = sliding_window_inference(image, roi, batch, predict, overlap=0.5, mode="gaussian")
        (logits.argmax(1) if classes > 1 else logits >= 0).to(torch.uint8)
    print(time.perf_counter() - start, before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def run(command, **environment):
    out = subprocess.run(command, env=os.environ | environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    return [float(word) for word in out.split()]


def compare(name, program, rounds, threads):
    case = CASES[name]
    layouts = LAYOUTS[case.split()[0]]
    ours, theirs = [], {layout: [] for layout in layouts}
    for _ in range(rounds):
        ours.append(run([program, "--bench"], MEDSEG_BENCH_CASE=case, RAYON_NUM_THREADS=str(threads)))
        for layout in layouts:
            theirs[layout].append(run([sys.executable, __file__, "--child", case, layout, "--threads", str(threads)]))
    median = lambda runs: [statistics.median(column) for column in zip(*runs)]
    seconds, planned, before, peak = median(ours)
    layout, (peer_seconds, peer_before, peer_peak) = min(
        ((layout, median(runs)) for layout, runs in theirs.items()), key=lambda item: item[1][0]
    )
    print(f"{name} ({case}), {threads} threads, {rounds} rounds")
    print(f"  medseg {seconds:.2f} s, peak {peak:.0f} MiB, {peak - before:.0f} of it over {before:.0f}, planned {planned:.0f}")
    print(f"  MONAI  {peer_seconds:.2f} s, peak {peer_peak:.0f} MiB, {peer_peak - peer_before:.0f} of it over {peer_before:.0f}, {layout}")
    added = (peak - before) / (peer_peak - peer_before)
    print(f"  {peer_seconds / seconds:.1f} times as fast; {added:.2f} of what MONAI adds, {peak / peer_peak:.2f} of its process", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?")
    parser.add_argument("--case", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        return monai(*args.child, args.threads)
    if not args.program:
        parser.error("PROGRAM is missing")
    for name in args.case:
        compare(name, args.program, args.rounds, args.threads)


if __name__ == "__main__":
    main()
