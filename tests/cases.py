"""Cases of a test of which the first few run always."""

import pytest


def first(quick, cases):
    """The cases, of which all but the first `quick` are slow tests."""
    return [
        case if at < quick else pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)
        for at, case in enumerate(cases)
    ]
