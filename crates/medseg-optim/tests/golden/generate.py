"""Writes crates/medseg-optim/tests/golden/schedules.json: learning rates of MONAI's warm-up cosine and PyTorch's polynomial
schedule, one an epoch.

Run from the repository's root, with monai and torch installed:

    python crates/medseg-optim/tests/golden/generate.py
"""

import json
from pathlib import Path

import torch
from monai.optimizers import WarmupCosineSchedule

OUT = Path("crates/medseg-optim/tests/golden/schedules.json")
BASE = 0.004
EPOCHS = 30


def rates(schedule):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE)
    scheduler = schedule(optimizer)
    found = []
    for _ in range(EPOCHS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def main():
    cases = []
    for warmup, total, start in [(5, 30, 0.0), (4, 20, 0.1), (0, 25, 0.0)]:
        config = {"kind": "warmup_cosine", "warmup_epochs": warmup, "total_epochs": total, "warmup_start": start}
        # MONAI's cosine goes up again after its end; only the epochs before count.
        make = lambda o: WarmupCosineSchedule(o, warmup_steps=warmup, t_total=total, warmup_multiplier=start)  # noqa: E731, B023
        cases.append({"config": config, "rates": rates(make)[: total + 1]})
    for total, power in [(30, 0.9), (12, 2.0), (20, 1.0)]:
        config = {"kind": "polynomial", "total_epochs": total, "power": power}
        make = lambda o: torch.optim.lr_scheduler.PolynomialLR(o, total, power)  # noqa: E731, B023
        cases.append({"config": config, "rates": rates(make)})
    OUT.write_text('{"base_lr": ' + str(BASE) + ', "cases": [\n' + ",\n".join(map(json.dumps, cases)) + "\n]}\n")
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
