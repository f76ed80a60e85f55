"""Inputs of the chapter *queueing*."""

from typing import Literal

from pydantic import model_validator

from .. import data, parameters
from ..parameters import Refused, field

__all__ = ["Parameters", "Row", "BEST"]

BEST = ("described_cost", "lowest")     # scenarios of a sweep are ranked by what agents and waiting cost in an hour

_FEWEST_CALLS = 30  # below this neither a rate by hour nor a test of the service distribution says anything


class Parameters(parameters.Parameters):
    """A service with one queue and equal agents."""

    arrival_rate: float = field("arrivals to the one queue", unit="customers per hour", gt=0, le=1_000_000)
    service_rate: float = field("customers that one busy agent finishes", unit="customers per hour", gt=0, le=1_000_000)
    servers: int = field("agents at work", unit="agents", ge=1, le=100_000)
    answer_within: float = field("waiting time that the service level promises", unit="seconds", ge=0, le=1_000_000)
    answer_share: float = field("share of customers answered within it", unit="share", gt=0, lt=1)
    agent_cost: float = field("cost of an agent", unit="money per hour", ge=0, le=1_000_000)
    waiting_cost: float = field("cost of a customer's waiting", unit="money per hour", ge=0, le=1_000_000)
    burst_factor: float = field("arrival rate during a burst over the usual one", ge=1, le=20)
    burst_minutes: float = field("length of the burst", unit="minutes", ge=0.1, le=600)
    customers: int = field("customers in a simulation (runs that size a team may need more)", ge=10_000, le=5_000_000)
    days: Literal["all", "weekdays", "weekends"] = field("calls of the log to use; weekdays are Monday to Friday")
    data_file: str = field("call log; empty for the bundled sample")
    seed: int = field("seed of every simulation", ge=0)

    @model_validator(mode="after")
    def _stable(self):
        capacity = self.servers * self.service_rate
        if self.arrival_rate >= capacity * (1 - 1e-12):        # equal but for rounding
            raise ValueError(f"unstable queue: arrival_rate {self.arrival_rate:g} >= servers*service_rate {capacity:g}; "
                             "the queue would grow without end")
        return self


class Row(data.Row):
    """A call log, a row per call in any order."""

    arrival_time: data.LocalTime = field("when the call arrived, local time without zone")
    handling_seconds: float = field("talk and after-call work", unit="seconds", gt=0, le=1_000_000)
    agent: str | None = field("who handled it", default=None)

    @classmethod
    def sample(cls):
        """File name of the bundled sample."""
        return "calls.csv"

    @classmethod
    def check(cls, frame, parameters=None):
        """Calls of the days asked for, in order of arrival."""
        days = parameters.days if parameters else "all"
        first, last = {"all": (0, 6), "weekdays": (0, 4), "weekends": (5, 6)}[days]     # Monday is 0
        frame = frame[frame["arrival_time"].dt.day_of_week.between(first, last)]
        if len(frame) < _FEWEST_CALLS:
            raise Refused(f"it has {len(frame)} calls (days={days}); at least {_FEWEST_CALLS} are needed")
        return frame.sort_values("arrival_time", kind="stable", ignore_index=True)
