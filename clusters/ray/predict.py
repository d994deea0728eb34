"""A cohort on Ray: one task a part. Shown, and not tried by this project's tests.

    python predict.py MODEL IN OUT PARTS

All nodes must see IN and OUT. Ray starts a task again when its node fails; what is done stays.
"""

import subprocess
import sys

import ray

model, images, out, parts = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])


@ray.remote(num_gpus=1, max_retries=20)
def predict(part: int) -> int:
    command = ["medseg", "predict", model, images, out, "--part", str(part), "--parts", str(parts)]
    status = subprocess.run(command).returncode
    if status < 0:  # ended by a signal: raised, so that Ray tries again
        raise ray.exceptions.WorkerCrashedError()
    return status


ray.init()
statuses = ray.get([predict.options(retry_exceptions=True).remote(part) for part in range(1, parts + 1)])
subprocess.run(["medseg", "table", out], check=True)
sys.exit(max(statuses))
