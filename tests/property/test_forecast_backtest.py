"""Laws that a rolling origin obeys for any series."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from bizai.forecast import accuracy
from bizai.forecast.backtest import by_column, rolling_origin

FORECASTERS = {"naive": accuracy.naive, "drift": accuracy.drift, "mean": lambda y, h: np.full(h, y.mean())}


@st.composite
def cases(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    T, h, step = draw(st.integers(12, 40)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    return rng.normal(size=T).cumsum(), h, draw(st.integers(4, T - h)), step


@given(cases())
def test_origins_and_truths(case):
    y, h, least, step = case
    result = rolling_origin(y, FORECASTERS, h, least=least, step=step)
    assert result.origins[0] == least and result.origins[-1] + h <= len(y) < result.origins[-1] + h + step
    for origin, truth in zip(result.origins, result.truths):
        assert truth.tolist() == y[origin:origin + h].tolist()


@given(cases(), st.integers(0, 2**32 - 1))
def test_forecasts_do_not_depend_on_what_comes_later(case, seed):
    y, h, least, step = case
    result = rolling_origin(y, FORECASTERS, h, least=least, step=step)
    middle = result.origins[len(result.origins) // 2]
    changed = np.r_[y[:middle], np.random.default_rng(seed).normal(0, 100, len(y) - middle)]
    other = rolling_origin(changed, FORECASTERS, h, least=least, step=step)
    for name in FORECASTERS:
        assert_allclose(result.forecasts[name][result.origins <= middle],
                        other.forecasts[name][result.origins <= middle], rtol=0)


@given(cases(), st.floats(0.01, 100))
def test_scores_follow_the_unit(case, factor):
    y, h, least, step = case
    one = rolling_origin(y, FORECASTERS, h, least=least, step=step).scores()
    other = rolling_origin(factor * y, FORECASTERS, h, least=least, step=step).scores()
    for name in FORECASTERS:
        assert_allclose([other[name].mase, other[name].smape], [one[name].mase, one[name].smape], rtol=1e-8)
        assert_allclose([other[name].mae, other[name].pinball],
                        factor * np.array([one[name].mae, one[name].pinball]), rtol=1e-8)


@given(cases())
def test_columns_are_forecast_alone(case):
    y, h, least, step = case
    table = np.column_stack([y, -2 * y + 1])
    both = rolling_origin(table, {"drift": by_column(accuracy.drift)}, h, least=least, step=step)
    for k in (0, 1):
        alone = rolling_origin(table[:, k], {"drift": accuracy.drift}, h, least=least, step=step)
        assert both.scores(series=k) == alone.scores()
