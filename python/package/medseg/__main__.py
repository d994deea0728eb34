"""The program: ``medseg``, or ``python -m medseg``."""

import signal
import sys


def main() -> int:
    """Runs the command line of this process and returns its exit code."""
    # Python only notes Ctrl-C and would wait for the program's end; by default it ends the process.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ._medseg import main as program

    return program(["medseg", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
