"""The model, converted once: a service that dies twenty times should not convert it twenty times."""

from tests.support.service import converted

__all__ = ["converted"]
