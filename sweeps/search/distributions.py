"""What an override leaves open, as Optuna names it: `width=0.25,0.5`, `choice(…)`, `range(…)`, `interval(…)`, `tag(log,…)`."""

from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep, Transformer
from hydra.errors import HydraException


def distribution(override: Override, *, whole: bool = False) -> Any:
    """A distribution of Optuna: ordered for ranges and intervals, categories for values.

    Args:
        override: with what may be chosen.
        whole: whether the setting takes whole numbers alone; Hydra gives the ends of `interval(96,192)` as 96.0 and 192.0.

    Raises HydraException for what cannot be searched.

    """
    from optuna.distributions import CategoricalDistribution

    value = override.value()
    log = "log" in getattr(value, "tags", set())
    try:
        if isinstance(value, ChoiceSweep) and not log:
            return CategoricalDistribution([str(Transformer.encode(item)) for item in value.list])
        if isinstance(value, RangeSweep):
            return _of_range(value, log=log)
        if isinstance(value, IntervalSweep) and value.start is not None and value.end is not None:
            return _of_interval(value, log=log, whole=whole)
    except ValueError as error:
        raise HydraException(f"{override.input_line}: {' '.join(str(error).split())}") from None
    kinds = "interval(…) or range(…) within tag(log,…)" if log else "values, choice(…), range(…) or interval(…)"
    raise HydraException(f"{override.input_line}: want {kinds}")


def _of_range(value: RangeSweep, *, log: bool) -> Any:
    """`range(1,3)` is 1 and 2, as in a grid."""
    from optuna.distributions import FloatDistribution, IntDistribution

    values = sorted(value.range())
    if not values:
        raise ValueError("an empty range; want its end beyond its start")
    if all(isinstance(one, int) for one in values):
        return IntDistribution(values[0], values[-1], log=log, step=int(abs(value.step)))
    low, high = (float(f"{one:.12g}") for one in (values[0], values[-1]))
    return FloatDistribution(low, high, log=log, step=None if log else abs(float(value.step)))


def _of_interval(value: IntervalSweep, *, log: bool, whole: bool) -> Any:
    from optuna.distributions import FloatDistribution, IntDistribution

    assert value.start is not None
    assert value.end is not None
    low, high = float(value.start), float(value.end)
    if isinstance(value.start, int) or (whole and low.is_integer() and high.is_integer()):
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(low, high, log=log)
