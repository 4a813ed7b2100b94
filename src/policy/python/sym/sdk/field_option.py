"""Kept for code that imports ``FieldOption`` from here."""

from .forms import FieldOption

__all__ = ["FieldOption"]
