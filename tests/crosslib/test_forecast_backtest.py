"""`bizai.forecast.backtest` against scikit-learn's TimeSeriesSplit and metrics."""

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_pinball_loss
from sklearn.model_selection import TimeSeriesSplit

from bizai.forecast.accuracy import drift
from bizai.forecast.backtest import rolling_origin


@pytest.mark.parametrize("T, h, splits", [(60, 5, 4), (61, 3, 10), (40, 12, 2)])
def test_same_folds_and_scores(T, h, splits):
    y = np.random.default_rng(T).normal(0.2, 1, T).cumsum()
    folds = list(TimeSeriesSplit(splits, test_size=h).split(y))
    result = rolling_origin(y, {"drift": drift}, h, least=T - splits * h, step=h, q=0.8)
    assert [len(train) for train, _ in folds] == result.origins.tolist()
    truths = np.concatenate([y[test] for _, test in folds])
    made = [drift(y[train], h) for train, _ in folds]
    score = result.scores()["drift"]
    means = np.concatenate([f.mean for f in made])
    assert score.mae == pytest.approx(mean_absolute_error(truths, means), rel=1e-12)
    quantiles = np.concatenate([f.quantile(0.8) for f in made])
    assert score.pinball == pytest.approx(mean_pinball_loss(truths, quantiles, alpha=0.8), rel=1e-12)
