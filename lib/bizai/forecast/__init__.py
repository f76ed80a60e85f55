"""Forecasts of time series: how much will be sold, how sure is that, and how much to order."""

from .accuracy import (
    DieboldMariano, coverage, diebold_mariano, drift, interval_score, mae, mase, naive, pinball, rmse,
    seasonal_naive, smape,
)
from .backtest import Backtest, Failure, Score, by_column, rolling_origin
from .inventory import (
    LeadTimeSpread, Newsvendor, NormalDemand, Order, Plan, Procurement, ReorderPoint, SampledDemand,
    error_covariance, fill_rate, lead_time_spread, newsvendor, normal_loss, order_quantity, procurement,
    reorder_point, replenishment_plan, safety_stock,
)
from .result import Forecast, normal_forecast
from .var import VAR, GrangerTest, ImpulseBands, LagTable, VARForecast, choose_lags, companion

__all__ = ["Forecast", "normal_forecast"]
__all__ += ["DieboldMariano", "coverage", "diebold_mariano", "drift", "interval_score", "mae", "mase", "naive"]
__all__ += ["pinball", "rmse", "seasonal_naive", "smape", "Backtest", "Failure", "Score", "by_column"]
__all__ += ["rolling_origin", "LeadTimeSpread", "Newsvendor", "NormalDemand", "Order", "Plan", "Procurement"]
__all__ += ["ReorderPoint", "SampledDemand", "error_covariance", "fill_rate", "lead_time_spread", "newsvendor"]
__all__ += ["normal_loss", "order_quantity", "procurement", "reorder_point", "replenishment_plan", "safety_stock"]
__all__ += ["VAR", "GrangerTest", "ImpulseBands", "LagTable", "VARForecast", "choose_lags", "companion"]
from bizai.forecast.arima import ARIMA, OrderChoice, OrderRow, arma_loglik, choose_order  # noqa: F401
from bizai.forecast.many import ManyARIMA, fit_many  # noqa: F401
from bizai.forecast.series import (  # noqa: F401
    Correlogram, LjungBox, UnitRootTest, UnitRoots, acf, difference, ljung_box, pacf, seasonal_strength, undifference,
    unit_root_tests,
)

__all__ += ["ARIMA", "Correlogram", "LjungBox", "ManyARIMA", "OrderChoice", "OrderRow", "UnitRootTest"]
__all__ += ["UnitRoots", "acf", "arma_loglik", "choose_order", "difference", "fit_many", "ljung_box", "pacf"]
__all__ += ["seasonal_strength", "undifference", "unit_root_tests"]
