"""A browser for each file of tests."""

import pytest

from tests.web.served import close_browsers


@pytest.fixture(scope="module", autouse=True)
def browsers():
    yield
    close_browsers()
