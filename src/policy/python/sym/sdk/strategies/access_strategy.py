"""Base of custom strategies."""

from abc import ABC as _ABC, abstractmethod as _abstractmethod

from ..exceptions.identity import IdentityNotFound as _IdentityNotFound
from ..utils.user import persist_user_identity as _persist_user_identity

__all__ = ["AccessStrategy"]


class AccessStrategy(_ABC):
    """Grants and removes access in a service of one's own."""

    def __init__(self, integration):
        self.integration = integration

    @_abstractmethod
    def fetch_remote_identity(self, user):
        """The user's id in the service, or None."""

    @_abstractmethod
    def escalate(self, target_id, event):
        """Grant access; may be called more than once."""

    @_abstractmethod
    def deescalate(self, target_id, event):
        """Remove access; may be called when nothing was granted."""

    def get_requester_identity(self, event):
        """The requester's id in the service: the stored one, else the one that the service knows."""
        requester = event.get_actor("request")
        service, service_id = self.integration.type, self.integration.external_id
        known = requester.identity(service, service_id)
        if known is not None:
            return known.user_id
        found = self.fetch_remote_identity(requester)
        if not found:
            raise _IdentityNotFound(requester.email, service_id)
        _persist_user_identity(email=requester.email, service=service, service_id=service_id, user_id=found)
        return found
