"""Write applications.csv, the synthetic credit applications of the chapter *lstm*.

Nobody wrote these texts: they are put together at random from phrases, with a fixed seed. Licence: CC BY 4.0.
Each says what the money is for, tells something that went well and something that went badly in the applicant's
life, and adds a few words about circumstances. Whether the loan was repaid depends a little on the circumstances and
strongly on the order: those whose bad luck lies behind them repay more often than those whose good luck does. Chance
decides the rest. The last applications have no outcome yet.
"""

import csv
from pathlib import Path

import numpy as np

SEED = 5
APPLICATIONS, OPEN = 1200, 6           # OPEN: more at the end, whose outcome is not known yet
BASE, ORDER, CIRCUMSTANCE = 0.9, 1.7, 1.0     # log odds: of repaying; of the order; of a circumstance
GOOD = ("i found a permanent job", "my salary was raised", "we paid off the old loan",
        "the business won new customers", "i passed my exam", "we sold the flat well")
BAD = ("i lost my job", "i was ill for months", "we missed two payments", "the biggest customer left",
       "the rent went up", "the car broke down")
PURPOSE = ("the loan is for a kitchen", "i would like to buy a used car", "the money is for a delivery van",
           "we want to repair the roof", "the loan pays for a course", "i need new tools for the workshop",
           "we plan to move to another town", "it is for the stock of my shop")
STEADY = ("we have savings", "my wife earns as well", "we own our home", "i have banked with you for years")
SHAKY = ("my account is overdrawn", "another loan is still running", "my contract ends soon", "i am new in town")
FILLER = ("thank you for your time", "i have two children", "please call me in the evening", "we live with my parents",
          "the papers are attached", "a friend told me about you", "i can send more documents")


def applications():
    """Yield the applications as (text, repaid or an empty text)."""
    rng = np.random.default_rng(SEED)
    for k in range(APPLICATIONS + OPEN):
        good, bad, purpose = rng.choice(GOOD), rng.choice(BAD), rng.choice(PURPOSE)
        ends_well = bool(rng.integers(2))
        steady, shaky = rng.integers(2), rng.integers(2)
        around = list(rng.permutation(FILLER)[:rng.integers(0, 3)])
        around += [rng.choice(STEADY)] * steady + [rng.choice(SHAKY)] * shaky
        around = list(rng.permutation(around)) if around else []
        between = around[:len(around) // 2]
        story = [bad, *between, good] if ends_well else [good, *between, bad]
        rest = around[len(around) // 2:]
        parts = [purpose, *story, *rest] if rng.integers(2) else [*story, purpose, *rest]
        log_odds = BASE + ORDER * (1 if ends_well else -1) + CIRCUMSTANCE * (int(steady) - int(shaky))
        repaid = int(rng.random() < 1 / (1 + np.exp(-log_odds)))
        yield ". ".join(part[0].upper() + part[1:] for part in parts) + ".", repaid if k < APPLICATIONS else ""


def main():
    """Write applications.csv beside this file."""
    path = Path(__file__).with_name("applications.csv")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["text", "repaid"])
        writer.writerows(applications())


if __name__ == "__main__":
    main()
