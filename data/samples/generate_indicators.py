"""Write indicators.csv, the synthetic weekly indicators of the chapter *var*.

No such firm exists: the numbers are drawn from a random number generator with a fixed seed. Licence: CC BY 4.0.
Four years of an online shop: what it spends on advertising, visitors of its pages, orders, revenue. Within a week
advertising moves visitors, visitors move orders, and orders move revenue; each also remembers the weeks before, and
the advertising budget follows last week's revenue a little. `structure` is the truth that the chapter compares with.
"""

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np

SEED = 20220321
FIRST_WEEK = date(2022, 1, 3)       # a Monday
WEEKS, WARM_UP = 208, 100
MEANS = (5000.0, 24_000.0, 620.0, 37_000.0)         # advertising in money, visitors, orders, revenue in money
SHOCKS = (900.0, 1000.0, 24.0, 1100.0)              # standard deviations, in the same order
SEASON = (300.0, 900.0, 10.0, 0.0)                  # push of the season on each, highest in early December


def structure():
    """B0, B1, B2 of B0 x_t = B1 x_{t-1} + B2 x_{t-2} + shocks, for deviations x from the means."""
    B0, B1, B2 = np.eye(4), np.diag([0.45, 0.50, 0.25, 0.10]), np.zeros((4, 4))
    B1[0, 3] = 0.02                                         # last week's revenue raises the budget
    B0[1, 0], B1[1, 0], B2[1, 0] = -0.50, 0.05, 0.32        # visitors per money of advertising: now, and later
    B0[2, 1], B1[2, 1] = -0.018, 0.007                      # orders per visitor
    B0[3, 2], B1[3, 2] = -48.0, 8.0                         # revenue per order
    return B0, B1, B2


def indicators(weeks=WEEKS, seed=SEED):
    """Draw the four series: ndarray of shape (weeks, 4)."""
    rng = np.random.default_rng(seed)
    B0, B1, B2 = structure()
    x = np.zeros((weeks + WARM_UP, 4))
    for t in range(2, len(x)):
        season = np.array(SEASON) * np.cos(2 * np.pi * (t - WARM_UP - 48) / 52)
        drawn = rng.standard_normal(4) * SHOCKS
        x[t] = np.linalg.solve(B0, B1 @ x[t - 1] + B2 @ x[t - 2] + season + drawn)
    return np.round(np.array(MEANS) + x[WARM_UP:])


def main():
    """Write indicators.csv beside this file."""
    path = Path(__file__).with_name("indicators.csv")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["week", "advertising", "visitors", "orders", "revenue"])
        for t, row in enumerate(indicators()):
            writer.writerow([FIRST_WEEK + timedelta(weeks=t), *map(int, row)])


if __name__ == "__main__":
    main()
