"""Write customers.csv, the synthetic customers of the chapter *gradient_descent*.

Nobody here exists: the rows are drawn from a random number generator with a fixed seed. Licence: CC BY 4.0.
Whether a customer left follows a logistic rule that `log_odds` states, so the truth is known. The rule has one interaction
(support calls count for more under a monthly contract), and two columns say nothing about leaving (newsletter, and all of
channel but partner). Of the last customers it is not known yet whether they will leave; their cell is empty.
"""

import csv
from pathlib import Path

import numpy as np

SEED = 20250707
PAST, CURRENT = 2000, 80
CONTRACTS, CONTRACT_SHARES = ("monthly", "yearly", "two-year"), (0.55, 0.33, 0.12)
CHANNELS, CHANNEL_SHARES = ("shop", "web", "partner", "phone", "fair", "referral"), (0.38, 0.36, 0.15, 0.08, 0.02, 0.01)


def log_odds(tenure, fee, calls, late, days, contract, channel):
    """Log-odds of leaving, the rule behind the sample; `days` is NaN for customers without an online account."""
    monthly, two_year = contract == "monthly", contract == "two-year"
    return (-2.1 - 0.025 * (tenure - 24) + 0.015 * (fee - 45) + 0.10 * calls + 0.55 * late
            + np.where(np.isnan(days), 0.6, 0.03 * (days - 12)) + np.where(monthly, 0.4, np.where(two_year, -0.9, 0.0))
            + 0.4 * (channel == "partner") + 0.50 * calls * monthly)


def columns():
    """The columns as a dict of arrays, with the log-odds of leaving behind them."""
    rng = np.random.default_rng(SEED)
    n = PAST + CURRENT
    tenure = np.minimum(1 + rng.exponential(24, n).astype(int), 120)
    fee = np.round(np.clip(rng.normal(45, 15, n), 9.9, 120), 2)
    calls, late = rng.poisson(1.0, n), rng.poisson(0.3, n)
    days = np.where(rng.random(n) < 0.07, np.nan, rng.exponential(12, n).astype(int))
    contract, channel = rng.choice(CONTRACTS, n, p=CONTRACT_SHARES), rng.choice(CHANNELS, n, p=CHANNEL_SHARES)
    newsletter = (rng.random(n) < 0.4).astype(int)
    z = log_odds(tenure, fee, calls, late, days, contract, channel)
    left = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int)
    hidden = rng.random(n) < 0.03           # of these the channel was not written down
    return {"tenure_months": tenure, "monthly_fee": fee, "support_calls": calls, "late_payments": late,
            "days_since_login": days, "contract": contract, "channel": np.where(hidden, "", channel),
            "newsletter": newsletter, "left": left, "log_odds": z}


def main():
    """Write customers.csv beside this file."""
    table = columns()
    with Path(__file__).with_name("customers.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["customer", "tenure_months", "monthly_fee", "support_calls", "late_payments", "days_since_login",
                         "contract", "channel", "newsletter", "currency", "left"])
        rows = zip(*(table[name].tolist() for name in list(table)[:-1]))
        for i, (tenure, fee, calls, late, days, contract, channel, newsletter, left) in enumerate(rows):
            writer.writerow([f"C{i + 1:05}", tenure, f"{fee:.2f}", calls, late, "" if np.isnan(days) else int(days), contract,
                             channel, newsletter, "EUR", left if i < PAST else ""])


if __name__ == "__main__":
    main()
