"""Scopes: which may be named, what is open of them, and calls that concern several."""

from .several import Scopes

__all__ = ["Scopes"]
