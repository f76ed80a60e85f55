"""Print every benchmark as a ratio of CPU seconds, peer over ours, measured in this run."""

import os

# One thread for everybody: the ratios compare algorithms, not numbers of cores. Set before NumPy is imported.
os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})

import sys  # noqa: E402
from importlib import import_module  # noqa: E402

MODULES = ("queueing", "finance")


def main():
    """Print a line per row as it is measured; exit code 1 where a target is missed."""
    missed = 0
    print(f"{'benchmark':58} {'peer':34} {'ratio':>9}  {'target':10} quality")
    for name in MODULES:
        for row in import_module(f"benchmarks.{name}").rows():
            missed += not row["met"]
            ratio = f"{row['ratio']:8.1f}x" if row["ratio"] is not None else "        -"
            print(f"{row['benchmark']:58} {row['peer']:34} {ratio}  {row['target']:10} {row['quality']}"
                  f"{'' if row['met'] else '   MISSED'}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
