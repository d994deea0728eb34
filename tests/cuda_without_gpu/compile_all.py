#!/usr/bin/env python3
"""Compiles every kernel that the stand-ins have kept with NVIDIA's NVRTC and assembles it with ptxas, for any architecture.

compile_all.py ARCH... [--jobs N] [--match TEXT]      ARCH: sm_80, sm_86, sm_89, sm_90a, sm_120a ...
Prints what does not compile and what spills registers. Ends with an error if NVRTC or ptxas refuses a kernel.
"""
import argparse
import collections
import concurrent.futures
import ctypes
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
STORE = os.environ.get("STANDIN_STORE") or os.path.join(CACHE, "medseg-cuda-without-gpu")
KERNELS = os.environ.get("STANDIN_KERNELS") or os.path.join(STORE, "kernels")
NUMBERS = {"registers": r"Used (\d+) registers", "spilled": r"(\d+) bytes spill stores", "stack": r"(\d+) bytes stack frame",
           "shared": r"(\d+) bytes smem"}


class Nvrtc:
    """NVIDIA's library. It needs its folder on the loader's path, so a process is started for it: see `main`."""

    def __init__(self, toolkit):
        self.library = ctypes.CDLL(glob.glob(toolkit + "/lib*/libnvrtc.so.*")[0])
        self.include = [f"--include-path={toolkit}/include", f"--include-path={toolkit}/include/cccl"]

    def text(self, program, size, get):
        length = ctypes.c_size_t()
        getattr(self.library, size)(program, ctypes.byref(length))
        text = ctypes.create_string_buffer(max(length.value, 1))
        getattr(self.library, get)(program, text)
        return text.value.decode(errors="replace")

    def compile(self, source, arch):
        """PTX and None, or None and the log."""
        program = ctypes.c_void_p()
        self.library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), None, 0, None, None)
        # As CubeCL calls it.
        options = [f"--gpu-architecture={arch}", "-lineinfo", *self.include]
        array = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
        code = self.library.nvrtcCompileProgram(program, len(options), array)
        log = self.text(program, "nvrtcGetProgramLogSize", "nvrtcGetProgramLog")
        ptx = None if code else self.text(program, "nvrtcGetPTXSize", "nvrtcGetPTX")
        self.library.nvrtcDestroyProgram(ctypes.byref(program))
        return ptx, log if code else None


def assembled(toolkit, path, arch):
    """Numbers that ptxas prints for a file, or its log."""
    run = subprocess.run([toolkit + "/bin/ptxas", f"-arch={arch}", "-v", path, "-o", os.devnull], capture_output=True, text=True)
    text = run.stdout + run.stderr
    if run.returncode:
        return {"log": text}
    found = {name: re.search(pattern, text) for name, pattern in NUMBERS.items()}
    return {name: int(match.group(1)) if match else 0 for name, match in found.items()}


def needs_newer(source, arch):
    """TMA is there from sm_90 on: what uses it is launched nowhere else."""
    return int(re.search(r"\d+", arch).group()) < 90 and ("cp.async.bulk" in source or "cp_async_bulk" in source or "elect.sync" in source)


nvrtc = None


def work(job):
    global nvrtc
    toolkit, path, arch = job
    with open(path, encoding="utf-8") as file:
        source = file.read()
    if needs_newer(source, arch):
        return None
    name = re.search(r"(\w+)\s*\(", source[source.index("__global__") :].split("__launch_bounds__", 1)[-1].split(")", 1)[-1])
    row = {"file": os.path.basename(path), "arch": arch, "kernel": name.group(1) if name else "?"}
    ptx = f"{path[:-3]}.{arch}.ptx"
    if not os.path.exists(ptx):
        nvrtc = nvrtc or Nvrtc(toolkit)
        text, log = nvrtc.compile(source, arch)
        if text is None:
            return {**row, "log": log}
        part = tempfile.NamedTemporaryFile("w", dir=KERNELS, delete=False)
        with part:
            part.write(text)
        os.rename(part.name, ptx)
    return {**row, **assembled(toolkit, ptx, arch)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arch", nargs="+")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--match", default="", help="kernels with this in their source")
    args = parser.parse_args()
    toolkit = subprocess.run([HERE + "/wheels.sh", STORE], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    library = os.path.dirname(glob.glob(toolkit + "/lib*/libnvrtc.so.*")[0])
    if library not in os.environ.get("LD_LIBRARY_PATH", "").split(":"):
        os.environ["LD_LIBRARY_PATH"] = library + ":" + os.environ.get("LD_LIBRARY_PATH", "")
        os.execv(sys.executable, [sys.executable, *sys.argv])
    paths = [path for path in sorted(glob.glob(KERNELS + "/*.cu")) if args.match in open(path, encoding="utf-8").read()]
    rows = []
    with concurrent.futures.ProcessPoolExecutor(args.jobs) as pool:
        jobs = [(toolkit, path, arch) for arch in args.arch for path in paths]
        rows = [row for row in pool.map(work, jobs, chunksize=8) if row]
    bad = [row for row in rows if "log" in row]
    for arch in args.arch:
        good = [row for row in rows if row["arch"] == arch and "log" not in row]
        spilling = sorted((row for row in good if row["spilled"]), key=lambda row: -row["spilled"])
        print(f"{arch}: {len(good)} kernels assembled, {sum(row['arch'] == arch for row in bad)} refused, {len(spilling)} spill, "
              f"most registers {max((row['registers'] for row in good), default=0)}")
        names = collections.defaultdict(list)
        for row in spilling:
            names[re.sub(r"_[0-9a-f]{6,8}$", "", row["kernel"])].append(row)
        for name, rows_of_name in names.items():
            most = rows_of_name[0]
            print(f"  {len(rows_of_name):4d} spill, {most['spilled']} bytes with {most['registers']} registers at most  {name}  {most['file']}")
    for row in bad:
        print(f"REFUSED {row['arch']} {row['kernel']} {row['file']}: {row['log'][:500]}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
