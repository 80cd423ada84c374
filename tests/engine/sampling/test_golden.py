"""What the published code gives: faces, tokens, windows, the transformer with both adapters, sampling."""

import pytest

from tests.golden_cases import CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_result_equals_the_published_one(case):
    assert case.error() <= case.allowed
