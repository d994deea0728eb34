"""The forward pass of a network as ONNX in ONNX Runtime and OpenVINO, beside medseg's, in turn.

    pip install numpy onnxruntime openvino
    medseg import obelisk allconvunet_tcia_fold1.pth allconvunet_tcia_fold2.pth BUNDLE
    medseg export BUNDLE --onnx FOLDER/network.onnx            # FOLDER/network_fold_0.onnx and so on
    cargo build --example forward
    python benches/peers/obelisk.py FOLDER/network_fold_0.onnx BUNDLE/fold_00.safetensors EXAMPLES/forward 144,144,144 5

Each round runs a process of each engine: the median of three passes after a first one, and the process' peak memory. Two
threads. OpenVINO computes in f32 here; by itself it takes bf16 where the processor has it.
"""

import resource
import statistics
import subprocess
import sys
import time

ENGINES = ("onnxruntime", "openvino", "medseg")


def passes(run):
    run()
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def peer(engine, model, size):
    import numpy

    image = numpy.random.default_rng(0).random((1, 1, *size), numpy.float32)
    if engine == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        seconds = passes(lambda: session.run(None, {"image": image}))
    else:
        import openvino

        hints = {"INFERENCE_NUM_THREADS": 2, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        compiled = openvino.Core().compile_model(model, "CPU", hints)
        seconds = passes(lambda: compiled(image))
    print(f"{seconds:.3f} s, peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB", flush=True)


def main():
    if sys.argv[1] in ENGINES:
        return peer(sys.argv[1], sys.argv[2], [int(n) for n in sys.argv[3].split(",")])
    model, weights, program, size, rounds = sys.argv[1:6]
    for number in range(int(rounds)):
        for engine in ENGINES:
            command = [sys.executable, __file__, engine, model, size]
            if engine == "medseg":
                command = [program, weights, size, "3"]
            out = subprocess.run(["/usr/bin/time", "-f", "%M KiB", *command], capture_output=True, text=True)
            print(number, engine, out.stdout.strip(), out.stderr.strip().splitlines()[-1], flush=True)


if __name__ == "__main__":
    main()
