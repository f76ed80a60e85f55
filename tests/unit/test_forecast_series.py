"""`bizai.forecast.series`: values found by hand, and what is refused."""

import math

import numpy as np
import pytest

from bizai.forecast.series import (
    acf, difference, ljung_box, pacf, seasonal_strength, undifference, unit_root_tests,
)


# Differences ---------------------------------------------------------------------------------------------

def test_differences_by_hand():
    assert difference([3, 5, 9, 4]).tolist() == [2, 4, -5]
    assert difference([1, 4, 9, 16, 25], d=2).tolist() == [2, 2, 2]
    assert difference([1, 2, 3, 4, 6, 9, 13], d=0, D=1, season=3).tolist() == [3, 4, 6, 9]
    assert difference([1, 2, 3, 4, 6, 9, 13], d=1, D=1, season=3).tolist() == [1, 2, 3]
    assert difference([5, 7], d=0).tolist() == [5, 7]


def test_undifference_by_hand():
    assert undifference([2, 4, -5], [3]).tolist() == [3, 5, 9, 4]
    assert undifference([1, 2, 3], [1, 2, 3, 4], d=1, D=1, season=3).tolist() == [1, 2, 3, 4, 6, 9, 13]
    assert undifference([5, 7], [], d=0).tolist() == [5, 7]
    assert undifference([], [3], d=1).tolist() == [3]


def test_rows_are_series():
    Y = np.arange(12.0).reshape(2, 6)**2
    assert difference(Y, 2).tolist() == [[2] * 4, [2] * 4]
    np.testing.assert_array_equal(undifference(difference(Y, 1, 1, 2), Y[:, :3], 1, 1, 2), Y)


@pytest.mark.parametrize("arguments, message", [
    (dict(y=[1, 2], d=2), "y must have at least 3 values, got 2"),
    (dict(y=[1, 2], d=-1), "d must be an integer >= 0, got -1"),
    (dict(y=[1, 2, 3], D=1), "season must be an integer >= 2 where D > 0, got 1"),
    (dict(y=[1, np.nan, 3]), "y must be finite and without gaps, got nan at position 1"),
    (dict(y=["a", "b"]), "y must hold numbers, got str32: "),
    (dict(y=[1, None, 3]), "without gaps, got nan at position 1"),
    (dict(y=[1 + 1j, 2]), "y must hold numbers, got complex128"),
    (dict(y=np.ma.array([1, 2, 4], mask=[0, 1, 0])), "without gaps, got nan at position 1"),
])
def test_what_difference_refuses(arguments, message):
    with pytest.raises(ValueError, match=message.replace("+", r"\+")):
        difference(**arguments)


def test_undifference_needs_its_start():
    with pytest.raises(ValueError, match=r"start must have the d \+ D\*season = 5 first values"):
        undifference([1, 2], [1], d=1, D=1, season=4)


# Autocorrelation -----------------------------------------------------------------------------------------

def test_correlations_by_hand():
    y = [1, 2, 3, 4, 5]                                             # deviations -2, -1, 0, 1, 2; squares 10
    assert acf(y, 2).values == pytest.approx([1, 0.4, -0.1])        # (2 + 0 + 0 + 2)/10, (0 - 1 + 0)/10
    assert pacf(y, 2).values == pytest.approx([1, 0.4, (-0.1 - 0.16) / (1 - 0.16)])


def test_bands():
    y = np.random.default_rng(0).normal(size=100)
    rho = acf(y, 3)
    z = 1.959963984540054
    assert rho.band == pytest.approx([0, z / 10, z / 10 * np.sqrt(1 + 2 * rho.values[1]**2),
                                      z / 10 * np.sqrt(1 + 2 * rho.values[1]**2 + 2 * rho.values[2]**2)])
    assert pacf(y, 3).band == pytest.approx([0, z / 10, z / 10, z / 10])
    assert rho.level == 0.95
    assert set(acf(np.tile([0, 5], 50) + y, 3).outside) == {1, 2, 3}


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_correlations_in_extreme_units(unit):
    assert acf(unit * np.arange(1, 6), 2).values == pytest.approx([1, 0.4, -0.1])


@pytest.mark.parametrize("function", [acf, pacf])
def test_what_correlations_refuse(function):
    with pytest.raises(ValueError, match="lags must be an integer below the number of values 4, got 4"):
        function([1, 2, 3, 5], 4)
    with pytest.raises(ValueError, match="y must hold numbers, got rows of different lengths"):
        function([[1, 2], [3]], 1)
    with pytest.raises(ValueError, match="y must vary, got 4 times 7"):
        function([7, 7, 7, 7], 2)
    with pytest.raises(ValueError, match="level must be"):
        function([1, 2, 3, 5], 2, level=95)


def test_ljung_box_by_hand():
    test = ljung_box([1, 2, 3, 4, 5], 2, fitted=1)
    assert test.statistic == pytest.approx(5 * 7 * (0.16 / 4 + 0.01 / 3))
    assert (test.lags, test.df) == (2, 1)
    assert test.p_value == pytest.approx(math.erfc(math.sqrt(test.statistic / 2)))      # chi-squared, 1 degree
    with pytest.raises(ValueError, match="lags must be an integer above the number of fitted coefficients 2"):
        ljung_box([1, 2, 3, 4, 5], 2, fitted=2)


# How often to difference ---------------------------------------------------------------------------------

def test_recommended_orders():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=240)
    season = 5 * np.sin(np.arange(240) * np.pi / 6)
    assert unit_root_tests(noise).d == 0
    assert unit_root_tests(noise.cumsum()).d == 1
    assert unit_root_tests(noise.cumsum().cumsum()).d == 2
    seasonal = unit_root_tests(season + noise, season=12)
    assert (seasonal.d, seasonal.D) == (0, 1) and seasonal.strength > 0.64
    plain = unit_root_tests(noise, season=12)
    assert (plain.D, len(plain.tests)) == (0, 1) and plain.strength < 0.64
    assert unit_root_tests(season + noise, season=12, D=0).D == 0


def test_edges_of_the_kpss_table():
    rng = np.random.default_rng(0)
    first, second = unit_root_tests(rng.normal(size=300).cumsum()).tests
    assert (first.kpss_bound, first.kpss_p_value) == ("<=", 0.01)
    assert (second.kpss_bound, second.kpss_p_value) == (">=", 0.1)


@pytest.mark.parametrize("size", [0.001, 0.1, 0.5])
def test_sizes_beyond_the_kpss_table_are_refused(size):             # there p-values are cut off at its edges
    with pytest.raises(ValueError, match=f"size must be a number >= 0.01 and < 0.1, got {size}"):
        unit_root_tests(np.arange(20) % 3, size=size)


def test_a_line_is_differenced_once():
    roots = unit_root_tests(np.arange(30.0))
    assert roots.d == 1 and np.isnan(roots.tests[1].adf_statistic)


def test_seasonal_strength():
    season = np.tile([1.0, 5, 2, 0], 6)
    assert seasonal_strength(season + np.arange(24), 4) == pytest.approx(1)
    assert seasonal_strength(np.tile([1.0, 5, 2], 6), 3) == pytest.approx(1)
    assert seasonal_strength(np.arange(24.0), 4) == 0
    assert seasonal_strength(np.random.default_rng(0).normal(size=400), 4) < 0.2
    with pytest.raises(ValueError, match="y must have at least 9 values, got 8"):
        seasonal_strength(season[:8], 4)
