"""Quality of lists against scikit-learn, popularity percentiles against SciPy."""

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.metrics import mean_absolute_error, ndcg_score, root_mean_squared_error

from bizai.recommend import RandomItems, Ratings, mae, ranking, rmse


@pytest.mark.parametrize("n", [1, 5, 40])
def test_ndcg(n):
    rng = np.random.default_rng(0)
    m, items = 50, 40
    stars = rng.integers(1, 6, (m, items)).astype(float)
    everything = np.repeat(np.arange(m), items), np.tile(np.arange(items), m)
    test = Ratings.of(*everything, stars.ravel(), all_users=range(m + 1))
    train = Ratings.of(np.full(items, m), np.arange(items), np.ones(items), all_users=range(m))  # nobody of the test
    model = RandomItems(0).fit(train)
    quality = ranking(model, train, test, n)
    scores = np.tile(model.predict(-1, np.arange(items)), (m, 1))
    kept = (stars >= 4).any(axis=1)
    assert quality.ndcg == pytest.approx(ndcg_score((stars >= 4)[kept], scores[kept], k=n), rel=1e-12)


def test_errors():
    truth, predicted = np.random.default_rng(0).normal(size=(2, 100))
    assert rmse(truth, predicted) == pytest.approx(root_mean_squared_error(truth, predicted), rel=1e-14)
    assert mae(truth, predicted) == pytest.approx(mean_absolute_error(truth, predicted), rel=1e-14)


def test_popularity_percentiles():
    from bizai.recommend.evaluate import _percentiles

    counts = np.random.default_rng(0).integers(0, 9, 50)
    np.testing.assert_allclose(_percentiles(counts), (rankdata(counts) - 0.5) / 50, rtol=1e-14)
