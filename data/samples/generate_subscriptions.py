"""Write subscriptions.csv, the synthetic subscriptions of the chapter *backpropagation*.

Nobody here exists: the rows are drawn from a random number generator with a fixed seed. Licence: CC BY 4.0.
Of each subscription that came up for renewal it is known whether the customer cancelled, renewed or upgraded. The
probabilities follow the rule in `scores`, so that the truth is known. The rule is not linear: customers cancel who use
little OR far exceed their allowance for too long, and support tickets hurt where the team is small. The columns invoice_day
and region say nothing, currency is the same everywhere.
"""

import csv
from pathlib import Path

import numpy as np

SEED, ROWS = 20250811, 3000
OUTCOMES = ("cancelled", "renewed", "upgraded")
INDUSTRIES, INDUSTRY_SHARES = ("retail", "services", "crafts", "health", "media"), (0.34, 0.28, 0.2, 0.11, 0.07)
REGIONS = ("north", "south", "east", "west")


def scores(usage, seats, tickets, logins, tenure, rating, industry):
    """Log-odds (up to a constant per row) of cancelling, renewing and upgrading; `rating` is NaN where none was given."""
    known = np.where(np.isnan(rating), 3.6, rating)
    cancel = (-0.9 + 2.2 * (np.abs(usage - 0.85) > 0.5) + 0.9 * tickets * (seats < 6) - 0.25 * tickets * (seats >= 6)
              - 0.5 * (known - 3.6) - 0.012 * tenure + 0.3 * (industry == "media"))
    upgrade = (-1.6 + 2.6 * ((usage > 0.95) & (usage < 1.4)) + 0.05 * logins * (seats >= 6) - 0.4 * (logins < 4)
               + 0.3 * (known - 3.6) + 0.4 * (industry == "health"))
    return np.column_stack([cancel, np.zeros(len(usage)), upgrade])


def columns():
    """The columns as a dict of arrays, and the probabilities of the three outcomes behind them."""
    rng = np.random.default_rng(SEED)
    usage = np.round(rng.gamma(4.0, 0.21, ROWS), 2)
    seats, tickets = 1 + rng.geometric(0.14, ROWS).clip(max=60), rng.poisson(0.9, ROWS)
    logins, tenure = rng.poisson(9, ROWS), np.minimum(1 + rng.exponential(20, ROWS).astype(int), 96)
    rating = np.where(rng.random(ROWS) < 0.18, np.nan, np.round(rng.normal(3.6, 0.9, ROWS)).clip(1, 5))
    industry = rng.choice(INDUSTRIES, ROWS, p=INDUSTRY_SHARES)
    region, day = rng.choice(REGIONS, ROWS), rng.integers(1, 29, ROWS)
    z = scores(usage, seats, tickets, logins, tenure, rating, industry)
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    outcome = np.array(OUTCOMES)[(rng.random(ROWS)[:, None] > p.cumsum(axis=1)[:, :2]).sum(axis=1)]
    unsaid = rng.random(ROWS) < 0.02        # of these the industry was not written down
    return {"usage_of_allowance": usage, "seats": seats, "tickets": tickets, "logins_per_week": logins,
            "tenure_months": tenure, "rating": rating, "industry": np.where(unsaid, "", industry), "region": region,
            "invoice_day": day, "outcome": outcome}, p


def main():
    """Write subscriptions.csv beside this file."""
    table, _ = columns()
    with Path(__file__).with_name("subscriptions.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*list(table)[:-1], "currency", "outcome"])
        for *cells, outcome in zip(*(column.tolist() for column in table.values())):
            cells = ["" if isinstance(cell, float) and np.isnan(cell) else cell for cell in cells]
            cells[0], cells[5] = f"{cells[0]:.2f}", cells[5] if cells[5] == "" else int(cells[5])
            writer.writerow([*cells, "EUR", outcome])


if __name__ == "__main__":
    main()
