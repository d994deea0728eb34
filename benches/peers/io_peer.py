"""The example `peer` of medseg-volume, built and asked."""

import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Rust:
    """The example `peer`, which answers commands."""

    def __init__(self):
        build = ["cargo", "build", "--locked", "--release", "-p", "medseg-volume", "--example", "peer"]
        subprocess.run(build, cwd=ROOT, check=True)
        target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
        self.program = os.path.join(target, "release", "examples", "peer")
        self.process = self.start()

    def start(self):
        return subprocess.Popen([self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *parts, process=None):
        process = process or self.process
        process.stdin.write("\t".join(parts) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline().strip()
        assert not answer.startswith("error"), answer
        return answer.split()

    def peak_mb(self, path):
        """The peak of a process that reads this file alone, less that of one that does nothing."""
        process = self.start()
        answer = self.ask("read", path, process=process)
        process.stdin.close()
        process.wait()
        return float(answer[1]) / 1024, float(answer[2]) * 4 / 2**20
