"""Write sales.csv, the synthetic monthly sales of the chapter *arima*.

Nobody sold these goods: the numbers are drawn from a random number generator with a fixed seed. Licence: CC BY 4.0.
Nine years of a shop's monthly sales of four products, each with a pattern of its own:

- tea: growth, a season with a winter peak, and a level that wanders;
- mugs: a level that wanders, a season, and a jump up when a second shop opened;
- gift boxes: a strong season, and two promotions that lifted a month;
- filters: spare parts that are seldom asked for; many months without any.
"""

import csv
from pathlib import Path

import numpy as np

SEED = 20170101
FIRST_YEAR, YEARS = 2017, 9
SHIFT = 64                          # month (from 0) in which the second shop opened
PROMOTIONS = (40, 76)               # months with a promotion of the gift boxes
WINTER = (0.20, 0.12, 0.04, -0.08, -0.15, -0.22, -0.26, -0.18, -0.02, 0.12, 0.18, 0.25)
SPRING = (-0.12, -0.08, 0.02, 0.05, 0.08, 0.02, -0.06, -0.04, 0.00, 0.03, 0.06, 0.04)
GIFTS = (-0.55, -0.10, -0.20, 0.00, 0.25, -0.15, -0.30, -0.30, -0.20, 0.00, 0.45, 1.10)


def wander(rng, months, sd, stay):
    """A level that moves: x_t = stay * x_{t-1} + noise."""
    x = np.zeros(months)
    for t in range(1, months):
        x[t] = stay * x[t - 1] + sd * rng.standard_normal()
    return x


def counts(rng, mean, dispersion):
    """Negative binomial numbers with the given means: variance = mean + mean**2 / dispersion."""
    return rng.negative_binomial(dispersion, dispersion / (dispersion + mean))


def sales():
    """Sales of every product, name to array, a number per month."""
    rng = np.random.default_rng(SEED)
    months = 12 * YEARS
    t = np.arange(months)
    season = lambda pattern: np.resize(pattern, months)
    tea = 420 * np.exp(0.0045 * t + season(WINTER) + wander(rng, months, 0.045, 0.97))
    mugs = 260 * np.exp(season(SPRING) + 0.28 * (t >= SHIFT) + wander(rng, months, 0.05, 0.9))
    gifts = 180 * np.exp(0.002 * t + season(GIFTS) + 0.5 * np.isin(t, PROMOTIONS) + wander(rng, months, 0.03, 0.8))
    filters = np.where(rng.random(months) < 0.35, 1 + rng.poisson(5, months), 0)
    return {"tea": counts(rng, tea, 250), "mugs": counts(rng, mugs, 200), "gift boxes": counts(rng, gifts, 200),
            "filters": filters}


def main():
    """Write sales.csv beside this file."""
    path = Path(__file__).with_name("sales.csv")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["date", "product", "sales"])
        for product, numbers in sales().items():
            for t, sold in enumerate(numbers):
                writer.writerow([f"{FIRST_YEAR + t // 12}-{t % 12 + 1:02d}", product, int(sold)])


if __name__ == "__main__":
    main()
