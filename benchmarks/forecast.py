"""`bizai.forecast` against statsmodels (ARIMA, VAR) and statsforecast (many series).

CPU seconds for the same fits, peer over ours, measured in the same run. statsmodels' ARIMA is SARIMAX with
simple_differencing=True, the same exact likelihood of the differenced series (its default adds a nearly diffuse
start of the level, another likelihood by about 0.02), and its optimiser is tightened until it reaches the digits
that are compared: at default settings it stops with parameters up to 1e-3 away. The default fits are timed, too.
"""

import warnings

import numpy as np

from bizai.forecast.arima import ARIMA, arma_loglik
from bizai.forecast.many import fit_many
from bizai.forecast.var import VAR

from .peers import take_turns

SEED = 2024
MANY, LENGTH = 1000, 200


# Series --------------------------------------------------------------------------------------------------

def bundled_series():
    """Name -> (series, season) of series that come with statsmodels."""
    import statsmodels.api as sm

    macro = sm.datasets.macrodata.load_pandas().data
    co2 = sm.datasets.co2.load_pandas().data.co2
    elnino = sm.datasets.elnino.load_pandas().data.iloc[:, 1:].to_numpy().ravel()
    return {
        "nile": (sm.datasets.nile.load_pandas().data.volume.to_numpy(float), 1),
        "sunspots": (sm.datasets.sunspots.load_pandas().data.SUNACTIVITY.to_numpy(float), 1),
        "real GDP": (100 * np.log(macro.realgdp.to_numpy(float)), 4),
        "consumption": (100 * np.log(macro.realcons.to_numpy(float)), 4),
        "investment": (100 * np.log(macro.realinv.to_numpy(float)), 4),
        "money": (100 * np.log(macro.m1.to_numpy(float)), 4),
        "treasury bills": (macro.tbilrate.to_numpy(float), 4),
        "unemployment": (macro.unemp.to_numpy(float), 4),
        "co2 monthly": (co2.resample("MS").mean().interpolate().to_numpy()[-240:], 12),
        "el nino": (elnino[-240:], 12),
    }


def airline_series(n=144, seed=SEED, theta=-0.4, seasonal_theta=-0.6, season=12):
    """Simulated series of the model (0, 1, 1)(0, 1, 1)_m, like the airline passengers (in logarithms)."""
    from bizai.forecast.series import undifference

    rng = np.random.default_rng(seed)
    shocks = rng.normal(0, 0.037, n)                                # those before the first are 0
    weights = np.convolve([1, theta], np.r_[1, np.zeros(season - 1), seasonal_theta])
    w = np.convolve(shocks, weights)[:n - season - 1]
    start = 4.8 + 0.01 * np.arange(season + 1) + 0.2 * np.sin(2 * np.pi * np.arange(season + 1) / season)
    return undifference(w, start, 1, 1, season)


def a_dozen():
    """Twelve series with their seasons."""
    rng = np.random.default_rng(SEED)
    walk = rng.normal(size=200).cumsum() + rng.normal(size=200)
    return {**bundled_series(), "airline-like": (airline_series(), 12), "walk and noise": (walk, 4)}


# One series ----------------------------------------------------------------------------------------------

MODELS = [
    ("ARIMA(1, 1, 1)", (1, 1, 1), (0, 0, 0), False),
    ("airline model (0, 1, 1)(0, 1, 1)_m", (0, 1, 1), (0, 1, 1), True),
]
TIGHT = dict(disp=0, pgtol=1e-9, factr=10, maxiter=500)


def arima_rows():
    import statsmodels.api as sm

    series = a_dozen()
    for name, order, seasonal, with_season in MODELS:
        cases = [(y, max(m, 4) if with_season else 1) for y, m in series.values()]

        def ours():
            return [ARIMA(order, seasonal, m, constant=False).fit(y) for y, m in cases]

        def theirs(**options):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return [sm.tsa.SARIMAX(y, order=order, seasonal_order=(*seasonal, m if with_season else 0),
                                       simple_differencing=True).fit(**options) for y, m in cases]

        ours(), theirs(disp=0)                                      # imports
        (seconds, tight, default), (fits, peers, _) = take_turns(
            [ours, lambda: theirs(**TIGHT), lambda: theirs(disp=0)], 3)
        parameters = max(np.abs(a.params_[:-1] - b.params[:-1]).max() for a, b in zip(fits, peers))
        gains = np.array([a.loglik_ - b.llf for a, b in zip(fits, peers)])
        ratio = tight / seconds
        yield {
            "benchmark": f"ARIMA: {name}, twelve series", "peer": "statsmodels SARIMAX (tight)", "ratio": ratio,
            "quality": f"{1e3 * seconds / len(cases):.1f} ms a fit; parameters differ by {parameters:.0e}, "
                       f"log-likelihoods by {gains.min():.0e} to {gains.max():.0e}; statsmodels' default fits "
                       f"{default / seconds:.1f}x",
            "target": ">= 10x, parameters to 1e-4, log-likelihood to 1e-5 and not lower",
            "met": bool(ratio >= 10 and parameters <= 1e-4 and np.abs(gains).max() <= 1e-5),
        }


# Many series ---------------------------------------------------------------------------------------------

def many_rows():
    from statsforecast.models import ARIMA as StatsforecastARIMA

    rng = np.random.default_rng(SEED)
    Y = rng.normal(size=(MANY, LENGTH)).cumsum(axis=1) + rng.normal(size=(MANY, LENGTH))

    def ours():
        return fit_many(Y, order=(0, 1, 1), constant=False)

    def theirs():
        return [StatsforecastARIMA(order=(0, 1, 1)).fit(y).model_ for y in Y[:some]]

    some = 10
    ours(), theirs()                                                # imports, compilation
    some = MANY // 4
    (seconds, peer_seconds), (fit, peers) = take_turns([ours, theirs], 2)
    theta = np.array([float(np.ravel(model["coef"]["ma1"])[0]) for model in peers])
    at_theirs = np.array([arma_loglik(np.diff(y), ma=[t]) for t, y in zip(theta, Y)])
    gain = fit.loglik[:some] - at_theirs
    ratio = peer_seconds * MANY / some / seconds
    yield {
        "benchmark": f"fit_many: {MANY:,} series of {LENGTH} values, ARIMA(0, 1, 1)", "peer": "statsforecast",
        "ratio": ratio,
        "quality": f"{1e3 * seconds:.0f} ms in all; log-likelihood higher by {gain.min():.0e} to {gain.max():.0e} "
                   f"(at their coefficients, {some} series); coefficients differ by "
                   f"{np.abs(fit.params[:some, 0] - theta).max():.0e}",
        "target": ">= 10x, log-likelihood not lower by 1e-5",
        "met": bool(ratio >= 10 and gain.min() >= -1e-5),
    }


# Vector autoregression -----------------------------------------------------------------------------------

def var_rows():
    import statsmodels.api as sm

    macro = sm.datasets.macrodata.load_pandas().data
    Y = 100 * np.diff(np.log(macro[["realgdp", "realcons", "realinv"]].to_numpy(float)), axis=0)

    def ours():
        return [VAR(4).fit(Y) for _ in range(20)][0]

    def theirs():
        fits = [sm.tsa.VAR(Y).fit(4) for _ in range(20)]
        return [(fit.params, fit.sigma_u, fit.llf) for fit in fits][0]

    (seconds, peer_seconds), (fit, (params, sigma_u, llf)) = take_turns([ours, theirs], 3)
    stacked = np.concatenate([fit.constant_[None], fit.coefficients_.transpose(0, 2, 1).reshape(-1, Y.shape[1])])
    error = max(np.abs(stacked - params).max(), np.abs(fit.covariance_ - sigma_u).max(), abs(fit.loglik_ - llf))
    yield {
        "benchmark": "VAR(4): three macroeconomic series", "peer": "statsmodels VAR",
        "ratio": peer_seconds / seconds,
        "quality": f"{1e3 * seconds / 20:.2f} ms a fit; parameters, covariance and log-likelihood differ by "
                   f"{error:.0e}",
        "target": "equal to 1e-8", "met": bool(error <= 1e-8),
    }


def rows():
    """Rows of the benchmark table: peer seconds over our seconds, with the quality of both."""
    yield from arima_rows()
    yield from many_rows()
    yield from var_rows()
