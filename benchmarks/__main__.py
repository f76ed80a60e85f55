"""Print the benchmarks, or those of the modules named, as ratios, peer over ours, measured in this run.

They are of CPU seconds, those of reruns of wall seconds.
"""

import os

# One thread for everybody: the ratios compare algorithms, not numbers of cores. Set before NumPy is imported.
os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})

import argparse  # noqa: E402
import sys  # noqa: E402
from importlib import import_module  # noqa: E402

MODULES = ("optimize", "svm", "cluster", "network", "recurrent", "recommend", "forecast", "queueing", "finance", "reruns")


def main():
    """Print each ratio as it is measured, with the quality beside it; exit code 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="module", help=f"of {', '.join(MODULES)}; all by default")
    parser.add_argument("--ratings", metavar="FILE", help="ratings for the module recommend instead of generated "
                        "ones: user, item, rating and timestamp, separated by tabs")
    given = parser.parse_args()
    if unknown := [name for name in given.modules if name not in MODULES]:
        parser.error(f"module must be one of {', '.join(MODULES)}, got {', '.join(unknown)}")
    if given.ratings is not None and "recommend" not in (given.modules or MODULES):
        parser.error(f"--ratings is for the module recommend, got {', '.join(given.modules)}")
    missed, last = 0, None
    for name in given.modules or MODULES:
        arguments = (given.ratings,) if name == "recommend" else ()
        for row in import_module(f"benchmarks.{name}").rows(*arguments):
            missed += not row["met"]
            if row["benchmark"] != last:
                last = row["benchmark"]
                print(f"\n{last}")
            print(f"  {row['ratio']:>10,.1f} x {row['peer']}; target {row['target']}{'' if row['met'] else ': MISSED'}\n"
                  f"               {row['quality']}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
