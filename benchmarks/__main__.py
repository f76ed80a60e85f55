"""Print the benchmarks, or those of the modules named, as ratios of CPU seconds, peer over ours, measured in this run."""

import os

# One thread for everybody: the ratios compare algorithms, not numbers of cores. Set before NumPy is imported.
os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})

import sys  # noqa: E402
from importlib import import_module  # noqa: E402

MODULES = ("optimize", "svm", "cluster", "network", "recurrent", "queueing", "finance")


def main():
    """Print each ratio as it is measured, with the quality beside it; exit code 1 where a target is missed."""
    missed, last = 0, None
    for name in sys.argv[1:] or MODULES:
        for row in import_module(f"benchmarks.{name}").rows():
            missed += not row["met"]
            if row["benchmark"] != last:
                last = row["benchmark"]
                print(f"\n{last}")
            print(f"  {row['ratio']:>10,.1f} x {row['peer']}; target {row['target']}{'' if row['met'] else ': MISSED'}\n"
                  f"               {row['quality']}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
