"""Write transactions.csv, the synthetic purchases of the chapter *kmeans*.

Nobody made these purchases: they are drawn from a random number generator with a fixed seed. Licence: CC BY 4.0.
The shop has five kinds of customer, named in the column `known_segment`, which a real file would not have. Purchases of a
customer arrive as a Poisson process at a rate of her own while she is a customer; a kind sets the mean rate, the usual
amount, and when a customer joins and leaves. Three purchases in a hundred are partly or wholly returned within a month.
"""

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np

SEED = 20250701
FIRST_DAY, MONTHS, MONTH = date(2024, 1, 1), 18, 30.4375      # length of a month in days
DAYS = (date(2025, 7, 1) - FIRST_DAY).days
RETURNED = 0.03
KINDS = {   # customers, purchases per month, median amount, months at which they join and leave (ranges)
    "regular": (95, 2.0, 24.0, (-12, 4), None),
    "big basket": (70, 0.6, 210.0, (-12, 4), None),
    "occasional": (190, 0.35, 55.0, (-12, 6), None),
    "newcomer": (100, 1.2, 40.0, (14.5, 17.5), None),
    "lost": (150, 1.6, 38.0, (-12, 1), (6, 14)),
}


def purchases():
    """Yield (customer, day, amount, kind) of every purchase and return."""
    rng = np.random.default_rng(SEED)
    names = rng.permutation(sum(kind[0] for kind in KINDS.values())) + 1
    position = 0
    for kind, (customers, rate, amount, joins, leaves) in KINDS.items():
        for name in names[position:position + customers]:
            start = max(0.0, MONTH * rng.uniform(*joins))
            end = min(DAYS, MONTH * rng.uniform(*leaves)) if leaves else DAYS
            own_rate, own_amount = rate * rng.gamma(10, 0.1), amount * rng.lognormal(0, 0.25)
            days = start + (end - start) * rng.random(rng.poisson(own_rate * (end - start) / MONTH))
            for day in np.sort(days):
                price = own_amount * rng.lognormal(0, 0.4)
                yield f"c{name:03}", int(day), round(price, 2), kind
                if rng.random() < RETURNED:
                    back = int(day) + int(rng.integers(2, 30))
                    if back < DAYS:
                        yield f"c{name:03}", back, -round(price * rng.choice([0.5, 1.0]), 2), kind
        position += customers


def main():
    """Write transactions.csv beside this file."""
    path = Path(__file__).with_name("transactions.csv")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["customer", "date", "amount", "known_segment"])
        for name, day, amount, kind in sorted(purchases(), key=lambda row: (row[1], row[0], -row[2])):
            writer.writerow([name, FIRST_DAY + timedelta(days=day), f"{amount:.2f}", kind])


if __name__ == "__main__":
    main()
