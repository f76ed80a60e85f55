"""Write purchases.csv, the synthetic purchase log of the chapter *collaborative_filtering*.

Nobody bought these goods: they are drawn from a random number generator with a fixed seed. Licence: CC BY 4.0.
A grocery that delivers has 400 customers and 150 articles in six aisles. A customer has a rate of shopping, likes some
aisles more than others, has four hidden tastes, and knows the best sellers. What she bought once she buys again with
a chance of her own, so that articles return in her orders. The log names no rating: it says who bought what, how often.
"""

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np

SEED = 20250820
CUSTOMERS, ARTICLES, AISLES, TASTES = 400, 150, 6, 4
FIRST_DAY, DAYS = date(2024, 10, 1), 270


def purchases():
    """Yield (customer, item, quantity, day), an article of an order each."""
    rng = np.random.default_rng(SEED)
    aisle = rng.integers(AISLES, size=ARTICLES)
    hidden = rng.standard_normal((ARTICLES, TASTES))
    known = 0.9 * rng.standard_normal(ARTICLES)
    customer_names, article_names = rng.permutation(CUSTOMERS) + 1, rng.permutation(ARTICLES) + 1
    for u in range(CUSTOMERS):
        liking = known + (0.9 * rng.standard_normal(AISLES))[aisle] + hidden @ (0.5 * rng.standard_normal(TASTES))
        faithful, cupboard = rng.beta(2, 3), []
        joined = int(rng.integers(0, DAYS - 60))
        days = np.sort(joined + rng.integers(0, DAYS - joined, size=1 + rng.poisson(rng.gamma(1.2, 3.0))))
        for day in days:
            basket = set()
            for _ in range(1 + rng.poisson(2.6)):
                again = cupboard and rng.random() < faithful
                i = int(rng.choice(cupboard)) if again else int(np.argmax(liking + rng.gumbel(size=ARTICLES)))
                basket.add(i)
            for i in sorted(basket):
                cupboard.append(i)
                quantity = 1 + int(rng.poisson(0.35))
                yield f"c{customer_names[u]:03}", f"article {article_names[i]:03}", quantity, int(day)


def main():
    """Write purchases.csv beside this file."""
    path = Path(__file__).with_name("purchases.csv")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["customer", "item", "quantity", "date"])
        for customer, item, quantity, day in sorted(purchases(), key=lambda row: (row[3], row[0], row[1])):
            writer.writerow([customer, item, quantity, FIRST_DAY + timedelta(days=day)])


if __name__ == "__main__":
    main()
