"""Quarantine: what is held lies sealed and in no index; only a person's answer lets it out."""

from .holding import Quarantine

__all__ = ["Quarantine"]
