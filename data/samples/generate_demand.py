"""Write demand.csv, the synthetic daily demand of the chapter *lstm*.

Nobody sold these goods: the numbers are drawn from a random number generator with a fixed seed. Licence: CC BY 4.0.
Three years of a shop's daily demand for one article: a slow growth, a week with a busy Friday and Saturday, a mild
yearly swing, a level that wanders, and promotions of four or five days that lift demand and borrow part of it from the
days after. Given its mean, a day's demand is negative binomial.
"""

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np

SEED = 20220103
FIRST_DAY = date(2022, 1, 3)        # a Monday
WEEKS = 156
LEVEL, GROWTH = 120.0, 0.10         # demand per day at the start; growth per year
WEEK = (0.86, 0.82, 0.90, 1.00, 1.22, 1.38, 0.82)
YEAR = 0.12                         # amplitude of the yearly swing, highest in early December
WANDER, RETURN = 0.022, 0.97        # of the logarithm of the level, from day to day
LIFT, BORROWED, AFTER = 0.55, 0.22, 6       # promotion: rise of demand, fall afterwards, days of the fall
BETWEEN = (24, 60)                  # days from one promotion to the next
DISPERSION = 60.0                   # of the negative binomial: variance = mean + mean**2 / DISPERSION


def demand():
    """Yield the days as (date, demand)."""
    rng = np.random.default_rng(SEED)
    days = 7 * WEEKS
    t = np.arange(days)
    promotion = np.zeros(days)
    start = int(rng.integers(*BETWEEN))
    while start < days:
        length = int(rng.integers(4, 6))
        promotion[start:start + length] += np.log1p(LIFT)
        promotion[start + length:start + length + AFTER] += np.log1p(-BORROWED)
        start += int(rng.integers(*BETWEEN))
    wander = np.zeros(days)
    for i in range(1, days):
        wander[i] = RETURN * wander[i - 1] + WANDER * rng.standard_normal()
    season = np.log(np.resize(WEEK, days)) + YEAR * np.cos(2 * np.pi * (t - 335) / 365.25)
    mean = LEVEL * (1 + GROWTH) ** (t / 365.25) * np.exp(season + wander + promotion)
    sold = rng.negative_binomial(DISPERSION, DISPERSION / (DISPERSION + mean))
    for i in range(days):
        yield FIRST_DAY + timedelta(days=i), int(sold[i])


def main():
    """Write demand.csv beside this file."""
    path = Path(__file__).with_name("demand.csv")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["date", "demand"])
        writer.writerows(demand())


if __name__ == "__main__":
    main()
