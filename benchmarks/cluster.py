"""`bizai.cluster` against scikit-learn: Lloyd's algorithm from the same start until no row changes its cluster.

The data are 100,000 customers with 16 features in 20 groups of unequal size and spread that overlap. Our rounds
become cheap once the centres move little, so the gain depends on how many rounds the data need: both many and few
are shown. Every row compares CPU seconds in the same run; scikit-learn's `algorithm="elkan"` takes longer than its
"lloyd" on all of them.
"""

import numpy as np

from bizai.cluster import KMeans

from .peers import take_turns

SEED = 2024
ROWS, FEATURES, CLUSTERS = 100_000, 16, 20
CASES = [                       # name, standard deviation of the groups' centres in each feature, target
    ("overlapping groups, about 100 rounds", 1.5, 1.67),
    ("blurred groups, about 300 rounds", 0.5, 1.67),
    ("overlapping groups, a start that needs 25 rounds", 1.0, 0.7),
]


def customers(separation):
    """Rows of unequal groups of standard deviation 0.7 to 1.3, and a start: rows drawn at random."""
    rng = np.random.default_rng(SEED)
    sizes = rng.dirichlet(np.full(CLUSTERS, 5))
    group = rng.choice(CLUSTERS, ROWS, p=sizes)
    centers = separation * rng.normal(size=(CLUSTERS, FEATURES))
    spreads = rng.uniform(0.7, 1.3, CLUSTERS)
    X = centers[group] + spreads[group, None] * rng.normal(size=(ROWS, FEATURES))
    return X, X[rng.choice(ROWS, CLUSTERS, replace=False)]


def lloyd_rows():
    from sklearn.cluster import KMeans as Peer

    for name, separation, target in CASES:
        X, start = customers(separation)
        models = [
            KMeans(CLUSTERS, init=start, tol=0, max_iter=10_000),
            Peer(CLUSTERS, init=start, n_init=1, tol=0, max_iter=10_000, algorithm="lloyd"),
        ]
        fits = [lambda model=model: model.fit(X) for model in models]
        (seconds, peer_seconds), (ours, peer) = take_turns(fits, 3)
        error = abs(ours.inertia_ / peer.inertia_ - 1)
        same = bool((ours.labels_ == peer.labels_).all())
        ratio = peer_seconds / seconds
        yield {
            "benchmark": f"KMeans: 100,000 rows, 16 features, 20 clusters, {name}", "peer": "scikit-learn (lloyd)",
            "ratio": ratio,
            "quality": f"{ours.n_iter_} rounds, inertia {ours.inertia_:.6g}, relative difference {error:.1e}, "
                       f"labels {'the same' if same else 'differ'}",
            "target": f">= {target}x, inertia within 1e-9, same labels",
            "met": bool(ratio >= target and error <= 1e-9 and same),
        }


def rows():
    """Rows of the benchmark table: peer seconds over our seconds, with the quality of both."""
    yield from lloyd_rows()
