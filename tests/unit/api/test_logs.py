"""What the service's log tells of an error."""

import logging
import sys
from typing import Literal

import pytest

from api.logs import formatter
from api.settings import LogSettings


def _failed(document: str) -> None:
    if document:
        raise RuntimeError("no room left")


@pytest.mark.parametrize("form", ["console", "json"])
def test_an_error_is_told_with_its_lines_and_without_what_the_variables_held(form: Literal["console", "json"]) -> None:
    document = "the words of a document"
    try:
        _failed(document)
    except RuntimeError:
        record = logging.LogRecord("mnemic", logging.ERROR, __file__, 1, "failed", None, sys.exc_info())
    told = formatter(LogSettings(format=form), ()).format(record)
    assert "no room left" in told
    assert "in _failed" in told
    assert document not in told
