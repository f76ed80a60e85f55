"""Write calls.csv, the synthetic call log of the chapter *queueing*.

Nobody made these calls: they are drawn from a random number generator with a fixed seed. Licence: CC BY 4.0.
The log covers four weeks of weekdays, 8:00 to 18:00. Calls arrive as a Poisson process whose rate changes by
the hour, handling times are log-normal (so less variable than exponential ones), and each call goes to the
agent who has been free for longest.
"""

import csv
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

SEED = 20250303
FIRST_DAY = datetime(2025, 3, 3)    # a Monday
WEEKS = 4
OPENING = 8                         # hour of the day at which the first rate applies
RATES = (12, 27, 38, 33, 21, 24, 32, 29, 22, 13)    # calls per hour
MEAN_SECONDS, CV = 480.0, 0.7       # handling time: mean and coefficient of variation
TEAM = 7


def calls():
    """Yield the calls as (arrival time, handling time in seconds, agent), in order of arrival."""
    rng = np.random.default_rng(SEED)
    s2 = np.log1p(CV**2)
    for day in range(7 * WEEKS):
        date = FIRST_DAY + timedelta(days=day)
        if date.weekday() >= 5:
            continue
        hours = np.repeat(np.arange(OPENING, OPENING + len(RATES)), rng.poisson(RATES))
        arrivals = np.sort((3600 * (hours + rng.random(hours.size))).astype(int))
        handling = np.ceil(rng.lognormal(np.log(MEAN_SECONDS) - s2 / 2, np.sqrt(s2), hours.size)).astype(int)
        free = np.zeros(TEAM)       # when each agent is free again, in seconds of the day
        for arrival, seconds in zip(arrivals.tolist(), handling.tolist()):
            agent = int(free.argmin())
            free[agent] = max(free[agent], arrival) + seconds
            yield date + timedelta(seconds=arrival), seconds, f"agent {agent + 1}"


def main():
    """Write calls.csv beside this file."""
    path = Path(__file__).with_name("calls.csv")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["arrival_time", "handling_seconds", "agent"])
        writer.writerows(calls())


if __name__ == "__main__":
    main()
