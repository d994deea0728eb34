"""The bench `sliding_window` beside MONAI, PyTorch and OpenVINO, in turn, each run in a process of its own.

    pip install torch monai openvino onnx
    cargo bench --profile dev --bench sliding_window --no-run     (prints the program's path)
    python benches/peers/sliding_window.py PROGRAM [--case stitching1 stitching14 unet whole] [--rounds 3] [--threads 2]

Overlap 0.5, Gaussian, image to mask: stitching with a predictor that returns its input (once, or for 14 classes) on
256×512×512 with windows of 128³, and the residual U-Net of the experiments on 128×256×256, PyTorch in the better of its two
memory formats. `whole` is the network on 256×512×512 with OpenVINO behind MONAI's inferer, in f32. Prints medians of seconds
and peaks of resident memory, whole and above what image and libraries take before.
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
    "whole": "unet 1 256 512 512 128 1",
}
BOTH = ["contiguous_format", "channels_last_3d"]
# What runs the network behind MONAI's inferer: PyTorch in a memory format, or OpenVINO.
ENGINES = {"stitching1": BOTH[:1], "stitching14": BOTH[:1], "unet": BOTH, "whole": ["openvino"]}


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


def openvino(size, threads):
    """The U-Net compiled by OpenVINO in f32, as a function of a PyTorch tensor."""
    import tempfile

    import torch
    from openvino import Core

    with tempfile.TemporaryDirectory() as folder:
        # A process of its own, so that the export does not count in this one's peak of memory.
        path = f"{folder}/network.onnx"
        export_it = "import sys; from openvino_unet import export; export('unet', sys.argv[1])"
        here = os.path.dirname(os.path.abspath(__file__))
        subprocess.run([sys.executable, "-c", export_it, path], cwd=here, check=True, capture_output=True)
        core = Core()
        model = core.read_model(path)
        model.reshape([1, 1, size, size, size])
        hints = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        request = core.compile_model(model, "CPU", hints).create_infer_request()
    return lambda x: torch.from_numpy(request.infer({0: x.numpy()})[0].copy())


def monai(case, engine, threads):
    """One run of this process, as the Rust side does it: image to mask. Prints seconds, memory before, and peak."""
    import torch
    from monai.inferers import sliding_window_inference

    from network import UNet

    predictor, *numbers = case.split()
    classes, d, h, w, roi, batch = map(int, numbers)
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    image = torch.rand(1, 1, d, h, w)
    if engine == "openvino":
        predict = openvino(roi, threads)
    elif predictor == "unet":
        layout = getattr(torch, engine)
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
    engines = ENGINES[name]
    ours, theirs = [], {engine: [] for engine in engines}
    for _ in range(rounds):
        ours.append(run([program, "--bench"], MEDSEG_BENCH_CASE=case, RAYON_NUM_THREADS=str(threads)))
        for engine in engines:
            theirs[engine].append(run([sys.executable, __file__, "--child", case, engine, "--threads", str(threads)]))
    median = lambda runs: [statistics.median(column) for column in zip(*runs)]
    seconds, planned, before, peak = median(ours)
    engine, (peer_seconds, peer_before, peer_peak) = min(
        ((engine, median(runs)) for engine, runs in theirs.items()), key=lambda item: item[1][0]
    )
    print(f"{name} ({case}), {threads} threads, {rounds} rounds")
    print(f"  medseg {seconds:.2f} s, peak {peak:.0f} MiB, {peak - before:.0f} of it over {before:.0f}, planned {planned:.0f}")
    print(f"  MONAI  {peer_seconds:.2f} s, peak {peer_peak:.0f} MiB, {peer_peak - peer_before:.0f} of it over {peer_before:.0f}, {engine}")
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
