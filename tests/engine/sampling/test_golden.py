"""The transformer with both adapters gives what the published code gives."""

import pytest

from tests.golden_cases import CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_result_equals_the_published_one(case):
    assert case.error() <= case.tolerance
