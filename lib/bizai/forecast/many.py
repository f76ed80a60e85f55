"""The same ARIMA model fitted to many series at once."""

from dataclasses import dataclass

import numpy as np

from . import likelihood
from .arima import ARIMA, _long_enough, estimate
from .result import normal_forecast
from .series import difference

__all__ = ["ManyARIMA", "fit_many"]

ELEMENTS = 2_000_000        # series times values in one go, which bounds the memory


@dataclass(frozen=True, eq=False)
class ManyARIMA:
    """One ARIMA model fitted to each of k series.

    Attributes
    ----------
    Y : ndarray of float, shape (k, T)
    params : ndarray of float, shape (k, p + q + P + Q)
        phi, theta, Phi, Theta of each series.
    constant : ndarray of float, shape (k,)
        mu, the mean of each differenced series; 0 without constant.
    sigma2, loglik : ndarray of float, shape (k,)
    converged : ndarray of bool, shape (k,)
    """

    Y: np.ndarray
    params: np.ndarray
    constant: np.ndarray
    sigma2: np.ndarray
    loglik: np.ndarray
    converged: np.ndarray
    _model: ARIMA

    def model(self, i):
        """Series i as a fitted `ARIMA`."""
        structure, d, D = self._model._structure()
        return ARIMA(**self._model.get_params())._set(
            structure, d, D, self.Y[i], self.params[i], float(self.constant[i]), bool(self.sigma2[i] > 0),
            bool(self.converged[i]))

    def forecast(self, h, level=0.9):
        """Forecasts of the next `h` values of every series.

        Returns
        -------
        Forecast
            Arrays of shape (k, h).

        Notes
        -----
        Source: eqs. psi-weights and forecast-interval of the chapter *arima*; D2-EQ-26.
        """
        forecasts = [self.model(i).forecast(h, level) for i in range(len(self.Y))]
        return normal_forecast(np.stack([f.mean for f in forecasts]), np.stack([f.sd for f in forecasts]), level)


def fit_many(Y, order=(0, 1, 1), seasonal=(0, 0, 0), season=1, constant="auto", method="exact"):
    """Fit one ARIMA model to each of many series of one length.

    Parameters
    ----------
    Y : array_like of float, shape (k, T)
        A series per row.
    order, seasonal, season, constant, method
        As of `ARIMA`.

    Returns
    -------
    ManyARIMA

    Raises
    ------
    ValueError
        As `ARIMA.fit`.

    Notes
    -----
    The estimates are those of `ARIMA`, series by series; the recursions run over time on vectors of all series.
    Source: eqs. arima-model, exact-likelihood, css and arma of the chapter *arima*; D2-EQ-26, D3-EQ-20, D3-EQ-27.
    """
    model = ARIMA(order, seasonal, season, constant, method)
    structure, d, D = model._structure()
    Y = _long_enough(structure, d, D, Y, "Y", ndim=2)
    if not len(Y):
        raise ValueError(f"Y must have at least one series, got shape {Y.shape}")
    parts = np.array_split(Y, max(1, -(-Y.size // ELEMENTS)))
    coefficients, mu, varies, ended = (
        np.concatenate(arrays) for arrays in zip(*(estimate(structure, d, D, part) for part in parts)))
    value, sigma2 = likelihood.loglik(structure, coefficients, mu, None, difference(Y, d, D, structure.season))
    sigma2, value = np.where(varies, sigma2, 0), np.where(varies, value, np.inf)
    return ManyARIMA(Y, coefficients, mu, sigma2, value, ended, model)
