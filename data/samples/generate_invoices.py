"""Write invoices.csv, the synthetic invoices of the chapter *svm_dual*.

Nobody wrote these invoices: they are drawn from a random number generator with a fixed seed. Licence: CC BY 4.0.
A firm's invoices to business customers, the last ones still open. An invoice is likely to be paid late if its amount is
far from what the customer usually orders, above or below, or if past delays and many open invoices come together.
Neither is a straight line in the columns. New customers have no past delay, so that cell is empty.
"""

import csv
from pathlib import Path

import numpy as np

SEED = 20250607
INVOICES, OPEN = 1000, 80
CHANNELS = ("portal", "phone", "sales rep", "fair")
CHANNEL_SHARES = (0.5, 0.25, 0.2, 0.05)
CHANNEL_EFFECTS = (-0.5, 0.2, 0.0, 0.6)


def invoices():
    """Yield the invoices as texts, in the order of the header."""
    rng = np.random.default_rng(SEED)
    for i in range(INVOICES):
        usual = rng.lognormal(6.5, 0.7)                                 # euros per order
        surprise = rng.normal(0, 0.8)                                   # logarithm of the amount over the usual one
        months = int(rng.gamma(2.0, 14.0))
        delay = rng.normal(6, 7)                                        # mean delay of past payments, days
        open_invoices = int(rng.poisson(1.6))
        channel = int(rng.choice(4, p=CHANNEL_SHARES))
        terms = int(rng.choice((14, 30, 60), p=(0.35, 0.5, 0.15)))
        log_odds = (-2.3 + 2.6 * surprise**2 + 1.5 * (delay - 6) / 7 * (open_invoices - 1.6) / 1.3
                    + 0.5 * (delay - 6) / 7 - 0.012 * months + CHANNEL_EFFECTS[channel])
        late = rng.random() < 1 / (1 + np.exp(-1.6 * log_odds))
        new = months < 3 or rng.random() < 0.04
        yield (f"{usual * np.exp(surprise):.2f}", f"{np.exp(surprise):.2f}", months, "" if new else f"{delay:.1f}", open_invoices,
               terms, CHANNELS[channel] if rng.random() > 0.03 else "", "EUR",
               int(late) if i < INVOICES - OPEN else "")


def main():
    """Write invoices.csv beside this file."""
    path = Path(__file__).with_name("invoices.csv")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["amount", "amount_over_usual", "months_a_customer", "past_delay_days", "open_invoices", "terms_days",
                         "channel", "currency", "late"])
        writer.writerows(invoices())


if __name__ == "__main__":
    main()
