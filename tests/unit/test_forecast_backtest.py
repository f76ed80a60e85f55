"""`bizai.forecast.backtest`: what the forecasters get to see, scores by hand, failures."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bizai.forecast import accuracy
from bizai.forecast.backtest import by_column, rolling_origin
from bizai.forecast.result import Forecast, normal_forecast
from bizai.forecast.var import VAR

Y = np.random.default_rng(0).normal(size=40).cumsum()


def last(history, h):
    return np.full(h, history[-1])


def test_a_spy_sees_the_past_only():
    seen = []

    def spy(history, h):
        seen.append(history.copy())
        assert history.base is None                      # no way from the copy to the rest of the series
        history[:] = 1e9                                 # and what it does to it reaches nobody
        return np.zeros(h)

    y = Y.copy()
    result = rolling_origin(y, {"spy": spy, "last": last}, 3, least=30, step=2)
    assert result.origins.tolist() == [30, 32, 34, 36]
    for history, origin in zip(seen, result.origins, strict=True):
        assert history.tolist() == Y[:origin].tolist()
    assert (y == Y).all()
    assert_allclose(result.forecasts["last"], np.repeat(Y[result.origins - 1], 3).reshape(4, 3), rtol=0)


def test_the_future_does_not_matter():
    changed = Y.copy()
    changed[33:] += 100
    forecasters = {"naive": accuracy.naive, "drift": accuracy.drift}
    one, other = (rolling_origin(y, forecasters, 3, [31, 32, 33]) for y in (Y, changed))
    for name in forecasters:
        assert_allclose(one.forecasts[name], other.forecasts[name], rtol=0)
        assert_allclose(one.upper[name], other.upper[name], rtol=0)
    assert (other.truths[-1] > one.truths[-1] + 99).all()


def test_scores_by_hand():
    y = [1, 3, 7, 6, 8]
    result = rolling_origin(y, {"last": last, "naive": lambda y, h: normal_forecast([y[-1]], [2], 0.8)}, 1, [3, 4])
    assert result.truths.tolist() == [[6], [8]] and result.forecasts["last"].tolist() == [[7], [6]]
    score = result.scores()["last"]
    # errors -1 and 2; scales: mean of 2, 4, and mean of 2, 4, 1
    assert score.mase == pytest.approx((1 / 3 + 2 / (7 / 3)) / 2)
    assert score.mae == 1.5 and score.rmse == pytest.approx(math.sqrt(2.5))
    assert score.smape == pytest.approx((2 / 13 + 4 / 14) / 2)
    assert score.origins == 2
    assert math.isnan(score.pinball) and math.isnan(score.coverage) and math.isnan(score.interval_score)
    assert math.isnan(result.levels["last"]) and result.levels["naive"] == 0.8
    score = result.scores()["naive"]
    z = 1.2815515655446004                               # both the 90 % quantile and half the 80 % interval
    assert score.pinball == pytest.approx(((2 * z + 1) * 0.1 + (2 * z - 2) * 0.1) / 2)
    assert score.coverage == 1 and score.interval_score == pytest.approx(4 * z)
    assert result.by_step()["last"].tolist() == [1.5]
    assert result.errors("last").tolist() == [[-1], [2]]


def test_scores_are_those_of_the_measures():
    result = rolling_origin(Y, {"drift": accuracy.drift}, 4, least=20, q=0.75)
    score = result.scores(season=3)["drift"]
    made = [accuracy.drift(Y[:origin], 4) for origin in result.origins]
    truths = np.array([Y[origin:origin + 4] for origin in result.origins])
    assert len(made) == 17
    assert score.mae == pytest.approx(accuracy.mae(truths, [f.mean for f in made]))
    assert score.pinball == pytest.approx(accuracy.pinball(truths, [f.quantile(0.75) for f in made], 0.75))
    assert score.coverage == accuracy.coverage(truths, [f.lower for f in made], [f.upper for f in made])
    each = [accuracy.mase(truth, f.mean, Y[:origin], 3) for truth, f, origin in zip(truths, made, result.origins)]
    assert score.mase == pytest.approx(np.mean(each))
    assert_allclose(result.by_step()["drift"], abs(truths - [f.mean for f in made]).mean(axis=0))


def test_several_series():
    table = np.random.default_rng(1).normal(size=(80, 2)).cumsum(axis=0)
    forecasters = {"var": lambda Y, h: VAR(1).fit(Y).forecast(h), "naive": by_column(accuracy.naive)}
    result = rolling_origin(table, forecasters, 3, least=60)
    assert result.truths.shape == result.upper["var"].shape == (18, 3, 2)
    alone = rolling_origin(table[:, 1], {"naive": accuracy.naive}, 3, least=60)
    assert result.scores(series=1)["naive"] == alone.scores()["naive"]
    assert_allclose(result.by_step(series=1)["naive"], alone.by_step()["naive"])
    assert_allclose(result.forecasts["var"][0], VAR(1).fit(table[:60]).forecast(3).mean)
    for series in (None, 2, -1):
        with pytest.raises(ValueError, match="series must be"):
            result.scores(series=series)
    with pytest.raises(ValueError, match="series must be None or 0 for a single series, got 1"):
        alone.scores(series=1)


def test_by_column_needs_forecasts_of_one_level():
    table = np.column_stack([Y, -Y])
    for forecaster in (last, lambda y, h: accuracy.naive(y, h, 0.8 if y[0] == Y[0] else 0.9)):
        with pytest.raises(ValueError, match="forecaster must return a Forecast of one level for every column"):
            by_column(forecaster)(table, 2)


def fails_at_32(history, h):
    if len(history) == 32:
        raise ArithmeticError("no convergence")
    return last(history, h)


def test_a_failure_is_named():
    message = "forecaster 'bad' failed at origin 32: ArithmeticError: no convergence"
    with pytest.raises(RuntimeError, match=message) as e:
        rolling_origin(Y, {"good": last, "bad": fails_at_32}, 2, least=30)
    assert isinstance(e.value.__cause__, ArithmeticError)


def test_a_recorded_failure_leaves_its_origin_out_for_all():
    result = rolling_origin(Y, {"good": last, "bad": fails_at_32}, 2, least=30, errors="record")
    failure, = result.failures
    assert (failure.name, failure.origin, failure.error) == ("bad", 32, "ArithmeticError: no convergence")
    assert result.complete.tolist() == [origin != 32 for origin in range(30, 39)]
    assert np.isnan(result.forecasts["bad"][2]).all() and not np.isnan(result.forecasts["good"]).any()
    without = rolling_origin(Y, {"good": last}, 2, [30, 31, 33, 34, 35, 36, 37, 38])
    scores = result.scores()
    assert scores["good"].mase == scores["bad"].mase == without.scores()["good"].mase
    never = rolling_origin(Y, {"bad": lambda y, h: 1 / 0}, 2, least=30, errors="record")
    for method in (never.scores, never.by_step):
        with pytest.raises(ValueError, match="at which no forecaster failed, got bad at 30: ZeroDivisionError"):
            method()


@pytest.mark.parametrize("forecaster, message", [
    (lambda y, h: np.zeros(h + 1), r"forecasts must be finite with shape \(2,\), got shape \(3,\)"),
    (lambda y, h: np.full(h, np.nan), "with nan or inf"),
    (lambda y, h: normal_forecast(np.zeros(h), np.full(h, np.inf)), "lower must be finite"),
    (lambda y, h: normal_forecast(np.zeros(h), np.ones(h), len(y) / 100), "level must be the same at all origins"),
    (lambda y, h: accuracy.naive(y, h) if len(y) > 30 else last(y, h), "level must be the same .*, got 0.9 after"),
    (lambda y, h: last(y, h) if len(y) > 30 else accuracy.naive(y, h), "level must .*, got None after 0.9"),
    (lambda y, h: Forecast(np.zeros(h), np.ones(h), -np.ones(h), np.ones(h), 0.9), "lower must be <= upper"),
    (lambda y, h: Forecast(*np.zeros((4, h)), 90), "level must be a number > 0 and < 1, got 90"),
    (lambda y, h: "a", "forecasts must hold numbers, got"),
])
def test_wrong_results_are_failures(forecaster, message):
    with pytest.raises(RuntimeError, match=message):
        rolling_origin(Y, {"x": forecaster}, 2, least=30)


@pytest.mark.parametrize("arguments, message", [
    (dict(y=[1, 2, math.nan]), "y must be finite"),
    (dict(y=np.zeros((2, 2, 2))), r"y must have the shape \(T,\) or \(T, K\)"),
    (dict(h=0), "h must be an integer >= 1, got 0"),
    (dict(forecasters={}), "forecasters must be a dict of names and functions"),
    (dict(forecasters={"a": 1}), "forecasters must be a dict of names and functions"),
    (dict(origins=[38, 39]), r"origins must be increasing integers from 1 to 38 \(the 40 rows less h = 2\)"),
    (dict(origins=[5, 5]), "origins must be increasing"),
    (dict(origins=[0]), "origins must be increasing integers from 1"),
    (dict(origins=[]), "origins must be increasing"),
    (dict(origins=np.array([30, 20], dtype=np.uint8)), "origins must be increasing"),
    (dict(h=40), "y must have more than h = 40 rows, got 40"),
    (dict(least=39), "least must be <= the 40 rows less h = 2, got 39"),
    (dict(step=0), "step must be an integer >= 1, got 0"),
    (dict(q=1), "q must be a number > 0 and < 1, got 1"),
    (dict(errors="ignore"), """errors must be "raise" or "record", got 'ignore'"""),
])
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        rolling_origin(**(dict(y=Y, forecasters={"last": last}, h=2) | arguments))
