"""The event that a handler is called with."""

from abc import ABC as _ABC, abstractmethod as _abstractmethod

from .resource import SymBaseResource as _SymBaseResource
from .resource import SymResource as _SymResource

__all__ = ["Channel", "Event", "EventMeta", "Payload"]


class Channel(_SymBaseResource, _ABC):
    """What an event came through."""

    @property
    @_abstractmethod
    def type(self):
        """``slack``, ``sdk``, ``sym`` or ``internal``."""

    @property
    @_abstractmethod
    def identifier(self):
        """For Slack, the channel in which the command was typed; None where there is none."""


class EventMeta(_SymBaseResource, _ABC):
    """Data about an event that flows do not need."""


class Payload(_SymResource, _ABC):
    """The data of an event."""

    @property
    @_abstractmethod
    def fields(self):
        """Submitted values by name."""

    @property
    @_abstractmethod
    def timestamp(self):
        """When the event happened."""

    @property
    @_abstractmethod
    def user(self):
        """Who triggered the event."""


class Event(_SymResource, _ABC):
    """Something that happens to a request."""

    @property
    @_abstractmethod
    def payload(self):
        """The data of the event."""

    @property
    @_abstractmethod
    def user(self):
        """Who triggered the event."""

    @property
    @_abstractmethod
    def flow(self):
        """The flow of the request."""

    @property
    @_abstractmethod
    def run(self):
        """The request."""

    @property
    @_abstractmethod
    def channel(self):
        """What the event came through."""

    @property
    @_abstractmethod
    def template(self):
        """The template of the flow."""

    @property
    @_abstractmethod
    def meta(self):
        """Data about the event."""

    @_abstractmethod
    def get_actor(self, event_name):
        """Who triggered that event of this run, or None."""

    @_abstractmethod
    def get_context(self, event_name):
        """The context of that event of this run, or None."""
