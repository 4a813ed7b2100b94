import pytest


@pytest.fixture
def from_conftest():
    return "conftest"
