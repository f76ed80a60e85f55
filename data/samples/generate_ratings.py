"""Write ratings.csv, the synthetic ratings of the chapters *collaborative_filtering* and *matrix_factorisation*.

Nobody gave these ratings: they are drawn from a random number generator with a fixed seed. Licence: CC BY 4.0.
A shop sells films in eight categories. What a user thinks of a film is a mean, plus how kind she is, plus how good the
film is, plus how much she likes its category and how little she likes to pay, plus four hidden tastes that no column
names, plus noise; she rounds it to 1 to 5 stars. A few films are known to everybody, and she rather watches what she
likes, so that what is missing is not missing by chance. Users joined over two years and rate mostly in the months after.
"""

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np

SEED = 20250815
USERS, ITEMS, TASTES = 500, 200, 4
CATEGORIES = ["action", "animation", "comedy", "crime", "documentary", "drama", "romance", "science fiction"]
FIRST_DAY, DAYS = date(2023, 7, 1), 730


def catalogue(rng):
    """Category, price, quality and hidden properties of each film, and how well known it is."""
    category = rng.integers(len(CATEGORIES), size=ITEMS)
    price = np.round(rng.choice([2.99, 4.99, 6.99, 9.99, 14.99], size=ITEMS, p=[0.2, 0.3, 0.25, 0.15, 0.1]), 2)
    quality = 0.4 * rng.standard_normal(ITEMS)
    hidden = rng.standard_normal((ITEMS, TASTES))
    known = 0.8 * rng.standard_normal(ITEMS) + 0.7 * quality
    return category, price, quality, hidden, known


def ratings():
    """Yield (user, item, stars, day, category, price)."""
    rng = np.random.default_rng(SEED)
    category, price, quality, hidden, known = catalogue(rng)
    released = np.where(rng.random(ITEMS) < 0.15, rng.integers(0, DAYS - 60, ITEMS), 0)
    user_names, item_names = rng.permutation(USERS) + 1, rng.permutation(ITEMS) + 1
    for u in range(USERS):
        kindness = 0.35 * rng.standard_normal()
        likes = 0.5 * rng.standard_normal(len(CATEGORIES))
        thrift = 0.15 + 0.1 * rng.standard_normal()
        taste = 0.42 * rng.standard_normal(TASTES)
        pleasure = likes[category] + hidden @ taste - thrift * (np.log(price) - 1.7)
        opinion = 3.5 + kindness + quality + pleasure + 0.7 * rng.standard_normal(ITEMS)
        count = min(int(np.ceil(rng.lognormal(3.05, 0.85))), ITEMS // 2)
        joined = int(rng.integers(0, DAYS - 40))
        draw = known + 1.0 * pleasure + rng.gumbel(size=ITEMS)        # the highest are watched
        for i in np.argsort(-draw, kind="stable")[:count]:
            day = joined + int(min(rng.exponential(120), DAYS - joined - 1))
            if day < released[i]:
                day = int(rng.integers(released[i], DAYS))
            stars = int(np.clip(np.rint(opinion[i]), 1, 5))
            yield f"u{user_names[u]:03}", f"film {item_names[i]:03}", stars, day, CATEGORIES[category[i]], price[i]


def main():
    """Write ratings.csv beside this file."""
    path = Path(__file__).with_name("ratings.csv")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["user", "item", "rating", "date", "category", "price"])
        for user, item, stars, day, category, price in sorted(ratings(), key=lambda row: (row[3], row[0], row[1])):
            writer.writerow([user, item, stars, FIRST_DAY + timedelta(days=day), category, f"{price:.2f}"])


if __name__ == "__main__":
    main()
