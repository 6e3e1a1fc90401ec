"""What the service's log tells of an error."""

import logging
import sys
from typing import Literal

import pytest

from api.logs import formatter
from api.settings import LogSettings


def _failure(document: str) -> logging.LogRecord:
    try:
        raise RuntimeError(f"no room for {len(document)} characters")
    except RuntimeError:
        return logging.LogRecord("mnemic", logging.ERROR, __file__, 1, "failed", None, sys.exc_info())


@pytest.mark.parametrize("form", ["console", "json"])
def test_an_error_is_told_with_its_lines_and_without_what_the_variables_held(form: Literal["console", "json"]) -> None:
    told = formatter(LogSettings(format=form), ()).format(_failure("the words of a document"))
    assert "no room for 23 characters" in told
    assert "in _failure" in told
    assert "the words" not in told
