#!/usr/bin/env python3
"""Counts what a program asks of the GPU between two waits, from a log of the stand-ins: count.py LOG [--least N] [--last K]

Without a GPU a step is not run for its values: STANDIN_RUN=trial STANDIN_NVRTC=none STANDIN_POISON=0 STANDIN_LOG=log.
Sections end where the host reads or waits. A step is a section, or several, with at least N launches. Gigabytes are those of the
buffers that a launch reads and writes, each once (driver/traffic.cpp): of whole pools, unless the program starts where
cubecl.toml gives each tensor an allocation.
"""
import argparse
import collections
import re

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("log")
parser.add_argument("--least", type=int, default=100, help="launches that make a section worth a look")
parser.add_argument("--last", type=int, default=1, help="how many of the last such sections")
parser.add_argument("--grids", action="store_true", help="by grid and block too")
args = parser.parse_args()


class Section:
    def __init__(self):
        self.launches = collections.Counter()
        self.threads = collections.Counter()
        self.bytes = collections.Counter()
        self.read = collections.Counter()
        self.written = collections.Counter()
        self.others = collections.Counter()
        self.start = self.end = None


def short(name):
    """A kernel's name without its hash."""
    return re.sub(r"_[0-9a-f]{6,8}$", "", name)


sections = [Section()]
with open(args.log, encoding="utf-8", errors="replace") as lines:
    for line in lines:
        match = re.match(r"(\d+\.\d+) (\w+) ?(.*)", line)
        if not match:
            continue
        at, kind, rest = float(match.group(1)), match.group(2), match.group(3)
        section = sections[-1]
        section.start = section.start or at
        section.end = at
        if kind == "launch":
            launch = re.match(r"(\S+) grid ([\d,]+) block ([\d,]+) shared (\d+)", rest)
            key = short(launch.group(1))
            numbers = [int(n) for n in (launch.group(2) + "," + launch.group(3)).split(",")]
            threads = 1
            for number in numbers:
                threads *= number
            if args.grids:
                key += f"  grid {launch.group(2)} block {launch.group(3)} shared {launch.group(4)}"
            section.launches[key] += 1
            section.threads[key] += threads
            traffic = re.search(r" reads (\d+) writes (\d+)$", rest)
            section.read[key] += int(traffic.group(1))
            section.written[key] += int(traffic.group(2))
        elif kind in ("upload", "download", "copy", "fill"):
            size = int(rest.split()[0])
            section.bytes[kind] += size
            section.others[kind + (" " + rest.split()[1] if len(rest.split()) > 1 else "")] += 1
        else:
            section.others[kind + (" " + " ".join(rest.split()[:3]) if kind in ("wait", "order") else "")] += 1
        # Copies to the host are waited for; so the section ends with them.
        if kind in ("wait", "download"):
            sections.append(Section())

busy = [section for section in sections if sum(section.launches.values()) >= args.least]
print(f"{len(sections)} sections, {len(busy)} with at least {args.least} launches: "
      + " ".join(str(sum(section.launches.values())) for section in busy[-20:]))
for section in busy[-args.last :]:
    count = sum(section.launches.values())
    print(f"\n{count} launches in {1e3 * (section.end - section.start):.1f} ms of the host")
    print("  " + ", ".join(f"{n} {kind}" for kind, n in section.others.most_common()))
    print("  bytes: " + ", ".join(f"{n} {kind}" for kind, n in section.bytes.most_common()))
    read, written = sum(section.read.values()), sum(section.written.values())
    print(f"  of buffers: {read / 1e9:.2f} GB read, {written / 1e9:.2f} GB written")
    print("  launches  GB read  written       threads  kernel")
    for key, number in section.launches.most_common():
        print(f"  {number:8d}  {section.read[key] / 1e9:7.3f}  {section.written[key] / 1e9:7.3f}  {section.threads[key]:12d}  {key}")
