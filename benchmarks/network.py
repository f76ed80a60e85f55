"""`bizai.network` against scikit-learn's MLPClassifier: ten epochs of Adam from the same start over the same batches.

Both draw their start and the order of the rows from the same seed in the same way, so that they take the same
thousand steps: the final losses agree to rounding, and CPU seconds compare like with like.
"""

import warnings

import numpy as np

from bizai.network import MLPClassifier

from .peers import take_turns

SEED = 2024
ROWS, FEATURES, CLASSES = 20_000, 50, 10
BATCH, EPOCHS, ALPHA = 200, 10, 1e-4
TARGET = 1 / 0.6


def table():
    """Customers in classes that are mixtures of clusters, standardised; the last 5,000 rows are held out."""
    from sklearn.datasets import make_classification

    X, y = make_classification(ROWS + 5000, FEATURES, n_informative=20, n_classes=CLASSES, n_clusters_per_class=2,
                               class_sep=1.5, random_state=SEED)
    X = (X - X[:ROWS].mean(axis=0)) / X[:ROWS].std(axis=0)
    return X[:ROWS], y[:ROWS], X[ROWS:], y[ROWS:]


def rows():
    """Rows of the benchmark table: peer seconds over our seconds, with the quality of both."""
    from sklearn.neural_network import MLPClassifier as Peer

    X, y, held_out, labels = table()
    for hidden in ((64,), (64, 32)):
        shared = {"hidden_layer_sizes": hidden, "batch_size": BATCH, "random_state": SEED}

        def ours():
            return MLPClassifier(**shared, epochs=EPOCHS, l2=ALPHA / BATCH).fit(X, y)

        def theirs():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")                 # ten epochs are not convergence
                return Peer(**shared, max_iter=EPOCHS, alpha=ALPHA).fit(X, y)

        (seconds, peer_seconds), (model, peer) = take_turns([ours, theirs], 7)
        ratio = peer_seconds / seconds
        difference = abs(model.loss_curve_[-1] / peer.loss_curve_[-1] - 1)
        yield {
            "benchmark": f"MLPClassifier: {ROWS:,} x {FEATURES}, hidden {hidden}, {CLASSES} classes, ten epochs of Adam",
            "peer": "scikit-learn MLPClassifier", "ratio": ratio,
            "quality": f"final loss {model.loss_curve_[-1]:.6f}, rel. difference {difference:.0e}; accuracy on rows held "
                       f"out {np.mean(model.predict(held_out) == labels):.3f}, theirs {peer.score(held_out, labels):.3f}",
            "target": f">= {TARGET:.2f}x, same start and batches, final loss within 1e-6",
            "met": bool(ratio >= TARGET and difference <= 1e-6),
        }
