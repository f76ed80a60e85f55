"""Write ai_project.csv: the expected yearly flows of an AI assistant in a firm of forty office workers.

The table is synthetic. Every number follows from the assumptions below; nothing is drawn at random and no real firm
stands behind it. Licence of the table: CC BY 4.0.

Assumptions
- Adoption follows the Bass curve (innovation 0.25, imitation 0.4 per year); a year counts its mid-year share.
- A worker who uses the assistant saves 4.8 hours in each of 46 working weeks; an hour is worth 16.
- Running costs: a licence of 380 per worker and year for all forty, and 14,000 of support a year.
- Training costs 8,000 in year 1. The supplier retires the model after year 4: rebuilding the integrations on its
  successor costs 100,000 in year 5.
- The outlay of 120,000 is depreciated in equal parts over five years.
"""

import csv
import math
from pathlib import Path

PERIODS = 6
WORKERS, HOURS_A_WEEK, WEEKS, WORTH_OF_AN_HOUR = 40, 4.8, 46, 16
INNOVATION, IMITATION = 0.25, 0.4
LICENCE, SUPPORT = 380, 14_000
EXTRA_COSTS = {1: 8_000, 5: 100_000}
OUTLAY, DEPRECIATION_YEARS = 120_000, 5


def adoption(years):
    """Share of workers who use the assistant after so many years (Bass curve)."""
    decay = math.exp(-(INNOVATION + IMITATION) * years)
    return (1 - decay) / (1 + IMITATION / INNOVATION * decay)


def rows():
    """A row per year, in whole units of money."""
    full_benefit = WORKERS * HOURS_A_WEEK * WEEKS * WORTH_OF_AN_HOUR
    for period in range(1, PERIODS + 1):
        revenue = full_benefit * adoption(period - 0.5)
        cost = WORKERS * LICENCE + SUPPORT + EXTRA_COSTS.get(period, 0)
        depreciation = OUTLAY / DEPRECIATION_YEARS if period <= DEPRECIATION_YEARS else 0
        yield [period, round(revenue), round(cost), round(depreciation)]


if __name__ == "__main__":
    target = Path(__file__).with_name("ai_project.csv")
    with target.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["period", "revenue", "cost", "depreciation"])
        writer.writerows(rows())
