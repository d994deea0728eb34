#!/usr/bin/env python3
"""Runs gpu_tests on the stand-ins in several configurations, each test in a process of its own, and prints a table.

run_tests.py PROGRAM CONFIGURATION...
CONFIGURATION is ARCH[:NAME[=VALUE]]..., such as 86, 90:exact, 90:prefer=tma,mma:topics=conv,network:seed=3
  exact            TF32 products keep the mantissa of f32
  prefer=FAMILIES  tuning takes kernels of all of these families, where there are any
  seed=NUMBER      another choice of tuning
  order=NUMBER     blocks, warps and lanes run in an order shuffled by the number
  run=all          candidates of tuning run too
  late=0           asynchronous copies are made at once
  nvrtc=run        NVIDIA's compiler sees only kernels that run
  topics=LIST      modules of gpu_tests, all if not given
  tests=LIST       tests by a part of their names
  without=LIST     no tests with one of these in their names
"""
import argparse
import collections
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SETTINGS = {"exact": "STANDIN_EXACT", "prefer": "STANDIN_PREFER", "seed": "STANDIN_SEED", "order": "STANDIN_ORDER",
            "run": "STANDIN_RUN", "nvrtc": "STANDIN_NVRTC", "late": "STANDIN_LATE"}


class Configuration:
    """A card and settings, and the tests that run with them."""

    def __init__(self, text):
        self.text = text
        self.arch, *options = text.split(":")
        self.environment, self.topics, self.names, self.without = {}, None, None, []
        for option in options:
            name, _, value = option.partition("=")
            if name == "topics":
                self.topics = value.split(",")
            elif name == "tests":
                self.names = value.split(",")
            elif name == "without":
                self.without = value.split(",")
            elif name in SETTINGS:
                self.environment[SETTINGS[name]] = value or "1"
            else:
                raise SystemExit(f"{text}: no option {name}")
        self.title = ":".join([self.arch, *(option for option in options if not option.startswith(("topics", "tests", "without")))])

    def takes(self, test):
        topic = test.split("::")[0]
        wanted = (self.topics is None or topic in self.topics) and (self.names is None or any(name in test for name in self.names))
        return wanted and not any(name in test for name in self.without)


def message(output):
    """The line that says why a test failed."""
    for pattern in (r"stand-in: FAULT.*", r"panicked at [^\n]*\n.*", r"stand-in: .*"):
        match = re.search(pattern, output)
        if match:
            return " ".join(match.group(0).split())[:400]
    return " ".join(output.split())[-300:]


def launched(log):
    """Kernels that ran, with their families."""
    kernels = {}
    with open(log, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            match = re.match(r"\S+ launch .* families (\S+) source (\S+)", line)
            if match:
                kernels[match.group(2)] = match.group(1)
    return kernels


def run(program, configuration, test, folder, limit):
    log = tempfile.mktemp(dir=folder, suffix=".log")
    environment = {**os.environ, **configuration.environment, "MEDSEG_GPU": "cuda:0", "STANDIN_LOG": log, "RUST_BACKTRACE": "0"}
    command = [os.path.join(HERE, "run.sh"), configuration.arch, program, "--exact", test, "--nocapture", "--test-threads=1"]
    with open(log + ".out", "w+", encoding="utf-8", errors="replace") as out:
        # A session of its own, so that its own children end with it.
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=out, start_new_session=True)
        late = threading.Event()
        timer = threading.Timer(limit, lambda: (late.set(), os.killpg(process.pid, signal.SIGKILL)))
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        out.seek(0)
        output = out.read()
    os.remove(log + ".out")
    passed = status == 0 and "1 passed" in output
    kernels = launched(log) if os.path.exists(log) else {}
    if os.path.exists(log):
        os.remove(log)
    return {
        "configuration": configuration.title, "test": test, "passed": passed, "seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "message": "" if passed else f"no end within {limit} s" if late.is_set() else message(output),
        "refused": sorted(set(re.findall(r"NVRTC refuses (\S+)\.cu", output))), "kernels": kernels,
    }


def table(results, configurations):
    topics = sorted({result["test"].split("::")[0] for result in results})
    rows = [["", *topics, "all", "CPU s"]]
    for configuration in configurations:
        of = [result for result in results if result["configuration"] == configuration.title]
        row = [configuration.title]
        for topic in [*topics, None]:
            part = [result["passed"] for result in of if topic is None or result["test"].startswith(topic + "::")]
            row.append(f"{sum(part)}/{len(part)}" + ("" if all(part) else " !") if part else "-")
        rows.append([*row, str(round(sum(result["seconds"] for result in of)))])
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def kernels_run(results, configuration):
    """How many kernels of each family ran: a forced family must be among them."""
    kernels, refused = {}, set()
    for result in results:
        if result["configuration"] == configuration.title:
            kernels.update(result["kernels"])
            refused.update(result["refused"])
    families = collections.Counter(kernels.values())
    text = ", ".join(f"{count} {name}" for name, count in sorted(families.items()) if name != "-")
    wanted = set(configuration.environment.get("STANDIN_PREFER", "").split(",")) - {""}
    missing = wanted and not any(wanted <= set(name.split(",")) for name in families)
    line = f"{configuration.title}: {len(kernels)} kernels ran ({text or 'no tensor cores'}); NVRTC refused {len(refused)}"
    return line + ("; NONE OF THE FORCED FAMILY" if missing else ""), missing


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("configurations", nargs="+")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--limit", type=int, default=1200, help="seconds for a test")
    parser.add_argument("--results", help="a file for all results, as JSON lines")
    args = parser.parse_args()
    program = os.path.abspath(args.program)
    tests = re.findall(r"^(\S+): test$", subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout, re.M)
    configurations = [Configuration(text) for text in args.configurations]
    for configuration in configurations:
        if not any(map(configuration.takes, tests)):
            sys.exit(f"{configuration.text}: no such test")
    results = []
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        # The tests look for golden files in crates/, CubeCL for its settings in the working directory.
        os.symlink(os.path.join(ROOT, "crates"), os.path.join(folder, "crates"))
        os.symlink(os.path.join(HERE, "cubecl.toml"), os.path.join(folder, "cubecl.toml"))
        jobs = [pool.submit(run, program, configuration, test, folder, args.limit)
                for configuration in configurations for test in tests if configuration.takes(test)]
        for job in concurrent.futures.as_completed(jobs):
            result = job.result()
            results.append(result)
            if args.results:
                with open(args.results, "a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")
            print(f"{result['configuration']} {result['test']}: {'ok' if result['passed'] else 'FAILED'} ({result['seconds']} s of CPU)", flush=True)
    print("\n" + table(results, configurations) + "\n")
    bad = any(not result["passed"] for result in results)
    for configuration in configurations:
        line, missing = kernels_run(results, configuration)
        bad |= bool(missing)
        print(line)
    for result in results:
        if not result["passed"]:
            print(f"\nFAILED {result['configuration']} {result['test']}\n  {result['message']}")
    sys.exit(bad)


if __name__ == "__main__":
    main()
