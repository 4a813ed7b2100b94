"""Flows and their runs."""

from abc import ABC as _ABC, abstractmethod as _abstractmethod

from .resource import SymResource as _SymResource

__all__ = ["Environment", "Flow", "Run"]


class Environment(_SymResource, _ABC):
    """The integrations that a flow may use."""

    @property
    @_abstractmethod
    def integrations(self):
        """Name -> integration."""


class Flow(_SymResource, _ABC):
    """A flow as configured."""

    @property
    @_abstractmethod
    def fields(self):
        """Name -> prompt field."""

    @property
    @_abstractmethod
    def vars(self):
        """Flow variables."""

    @property
    @_abstractmethod
    def environment(self):
        """The environment of the flow."""

    @property
    @_abstractmethod
    def strategy(self):
        """How access is granted; None for flows that only approve."""


class Run(_SymResource, _ABC):
    """One request."""

    @property
    @_abstractmethod
    def source_channel(self):
        """What the first event of the run came through."""

    @property
    @_abstractmethod
    def actors(self):
        """Event name -> who triggered it."""

    @property
    @_abstractmethod
    def contexts(self):
        """Event name -> its context."""
