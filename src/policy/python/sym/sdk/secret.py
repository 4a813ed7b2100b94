"""Secrets of an integration."""

from abc import ABC as _ABC, abstractmethod as _abstractmethod

from .resource import SymResource as _SymResource

__all__ = ["Secret", "SecretSource"]


class SecretSource(_SymResource, _ABC):
    """Where secrets are kept."""

    @property
    @_abstractmethod
    def type(self):
        """The kind of store."""

    @property
    @_abstractmethod
    def settings(self):
        """Settings of the store."""


class Secret(_SymResource, _ABC):
    """One secret; its value is read when it is asked for."""

    @property
    @_abstractmethod
    def id(self):
        """UUID of the secret."""

    @property
    @_abstractmethod
    def path(self):
        """The path in its source."""

    @property
    @_abstractmethod
    def source(self):
        """Where it is kept."""

    @property
    @_abstractmethod
    def settings(self):
        """Settings of the secret."""

    @_abstractmethod
    def retrieve_value(self):
        """The value as text."""
