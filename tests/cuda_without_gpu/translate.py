#!/usr/bin/env python3
"""Compiles a kernel that CubeCL wrote in CUDA C++ for the processor: translate.py KERNEL.cu KERNEL.so

`STANDIN_PROCESSOR` is the folder with the compiled header `cuda.h`. Ends with an error on PTX or memory it does not know.
"""
import os
import re
import subprocess
import sys

import ptx

# As run.sh compiles the header: g++ takes it only with the same options. A GPU contracts products and sums too.
FLAGS = "-O1 -std=c++17 -fPIC -fno-strict-aliasing -ffp-contract=fast -mf16c -mfma -mavx2 -w -Wno-psabi".split()


def without_assembly(source):
    """Replaces each `asm` statement."""
    out, at = [], 0
    for match in re.finditer(r"\basm\b\s*(volatile)?\s*\(", source):
        if match.start() < at:
            continue
        out.append(source[at : match.start()])
        at = ptx.end_of_brackets(source, match.end())
        parts = ptx.split(source[match.end() : at - 1], ":")
        text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', parts[0]))
        lists = [ptx.operands(part) for part in parts[1:3]] + [[], []]
        out.append("{ " + ptx.translate(text, lists[0], lists[1]) + " }")
    out.append(source[at:])
    return "".join(out)


def translated(source):
    """The C++ of a kernel's source."""
    names = re.findall(r"__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s*)?(?:__cluster_dims__\([^)]*\)\s*)?(\w+)\s*\(", source)
    if not names:
        raise ptx.Unknown("a source without a kernel")
    # Only threads that wait for each other need stacks of their own.
    fibers = int(bool(re.search(r"__sync|_sync\b|_sync\(|\basm\b|barrier", source)))
    text = re.sub(r"^typedef [^;{]*\bu?int\d+_t;\s*$", "", source, flags=re.M)
    text = re.sub(r"^\s*#include\s*<[^>]*>\s*$", "", text, flags=re.M)
    text = re.sub(r"extern __shared__ __align__\(\d+\) char (\w+)\[\];", r"char *const \1 = standin_thread->shared;", text)
    if "__shared__" in text:
        raise ptx.Unknown("shared memory of a fixed size")
    text = without_assembly(text)
    entries = "".join(f"void standin_entry_{name}(void **arguments) {{ standin::call({name}, arguments); }}\n" for name in names)
    return f'#include "cuda.h"\n{text}\nextern "C" {{\nint standin_fibers = {fibers};\n{entries}}}\n'


def main():
    kernel, library = sys.argv[1:]
    part = f"{library}.{os.getpid()}"
    with open(kernel, encoding="utf-8") as file:
        source = file.read()
    try:
        text = translated(source)
    except ptx.Unknown as unknown:
        sys.exit(f"{kernel}: not known to the stand-in: {unknown}")
    with open(part + ".cpp", "w", encoding="utf-8") as file:
        file.write(text)
    command = ["g++", *FLAGS, "-I", os.environ["STANDIN_PROCESSOR"], "-shared", "-o", part, part + ".cpp"]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"{part}.cpp: {(run.stdout + run.stderr)[:3000]}")
    os.remove(part + ".cpp")
    os.rename(part, library)


if __name__ == "__main__":
    if sys.argv[1:] == ["--flags"]:
        print(*FLAGS)
    else:
        main()
