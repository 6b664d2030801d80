"""The examples in the public modules run as written."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from scoring import draw, estimate, risk


@pytest.mark.parametrize("module", [draw, estimate, risk], ids=["draw", "estimate", "risk"])
def test_examples_run(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
