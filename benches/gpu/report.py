"""One Markdown page of what measure.sh measured: report.py FOLDER."""

import csv
import pathlib
import re
import sys

TIMED = re.compile(r"^(forward|train|window) (f32|bf16)(?: (NCDHW|NDHWC) (eager|compiled))?: first ([\d.]+) s, then ([\d.]+) ms(?:, (\d+) MiB)?$")
CASES = 78  # training cases of the experiments' one-stage runs


def log(folder, name):
    path = folder / f"{name}.log"
    return path.read_text(errors="replace") if path.exists() else ""


def timed(folder, name):
    """`(what, type, how) -> (first s, then ms, MiB)` of a log's lines."""
    found = {}
    for line in log(folder, name).splitlines():
        if match := TIMED.match(line.strip()):
            part, dtype, layout, how, first, then, memory = match.groups()
            found[part, dtype, f"{layout} {how}" if layout else ""] = (float(first), float(then), memory or "")
    return found


def comparison(folder):
    ours, theirs = {}, {}
    for name in ["train_bf16", "train_f32", "forward"]:
        ours |= timed(folder, name)
        theirs |= timed(folder, f"{name}_torch")
    theirs |= timed(folder, "window_torch")
    words = log(folder, "window").split()
    try:
        seconds, *_, device_mib = [float(word) for word in words[-4:]]
        ours["window", "f32", ""] = (float("nan"), seconds * 1e3, f"{device_mib:.0f}")
    except ValueError:
        pass
    print("| what | medseg: first s | then ms | MiB | PyTorch, its best | ms | MiB | PyTorch's time by ours |\n|---|---|---|---|---|---|---|---|")
    for part, dtype in sorted({key[:2] for key in [*ours, *theirs]}):
        first, then, memory = ours.get((part, dtype, ""), (float("nan"), float("nan"), ""))
        of_peer = [(t[1], how, t[2]) for (p, d, how), t in theirs.items() if (p, d) == (part, dtype)]
        peer, how, peer_memory = min(of_peer, default=(float("nan"), "none", ""))
        print(f"| {part} {dtype} | {first:.1f} | {then:.1f} | {memory} | {how} | {peer:.1f} | {peer_memory} | {peer / then:.2f} |")


def epochs(folder):
    for path in sorted(folder.glob("runs/*/*/history.csv")):
        with open(path) as file:
            rows = list(csv.DictReader(file))
        seconds = [float(row["seconds"]) for row in rows]
        print(f"- {path.parent.relative_to(folder)}: {len(seconds)} epochs, seconds {', '.join(f'{s:.2f}' for s in seconds[:8])}")
        if path.parent.parent.name == "paper" and len(seconds) > 1:
            steps = int(log(folder, "paper").partition("  train: ")[2].split()[0])
            print(
                f"  - {seconds[-1] / steps:.2f} s a step of the last epoch's {steps}; an epoch of {CASES} such cases would take "
                f"{seconds[-1] / steps * CASES:.0f} s: extrapolated, not measured"
            )


def main():
    folder = pathlib.Path(sys.argv[1])
    print("# Measured on a GPU\n\n```")
    print(log(folder, "machine").strip())
    print("```\n\n| step | exit code | seconds |\n|---|---|---|")
    for path in sorted(folder.glob("*.code"), key=lambda p: p.stat().st_mtime):
        code, _, seconds = path.read_text().strip().rpartition(" ")
        print(f"| {path.stem} | {code} | {seconds} |")
    print("\n143 and 137 mark steps that were stopped at their time limit.\n\n## Beside PyTorch\n")
    for part in [comparison, epochs]:
        try:
            part(folder)
        except Exception as error:  # the rest is worth having
            print(f"\n{part.__name__}: {type(error).__name__}: {error}")
        print()
    for path in sorted(folder.glob("*.log")):
        if path.stem != "machine":
            text = path.read_text(errors="replace").strip().splitlines()
            print(f"## {path.stem}\n\n```\n" + "\n".join(line[:200] for line in text[-80:]) + "\n```\n")


if __name__ == "__main__":
    main()
