"""What the service's log tells of an error."""

import logging
import sys
from typing import Literal

import pytest

from api.logs import formatter
from api.settings import LogSettings


def _failure(document: str) -> logging.LogRecord:
    record = logging.LogRecord("mnemic", logging.ERROR, __file__, 1, "failed", None, None)
    try:
        document.index("what is not there")
    except ValueError:
        record.exc_info = sys.exc_info()
    return record


@pytest.mark.parametrize("form", ["console", "json"])
def test_an_error_is_told_with_its_lines_and_without_what_the_variables_held(form: Literal["console", "json"]) -> None:
    told = formatter(LogSettings(format=form), ()).format(_failure("the words of a document"))
    assert "substring not found" in told
    assert "in _failure" in told
    assert "the words" not in told
