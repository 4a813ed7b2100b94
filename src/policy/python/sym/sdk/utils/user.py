"""Identities of users."""

from _symbot import events as _events
from _symbot import hostcall as _hostcall

__all__ = ["persist_user_identity"]


def persist_user_identity(*, email, service, service_id, user_id):
    """Store who a user is in a service; any failure raises ``CouldNotSaveError``."""
    _hostcall.call(
        "identities.persist", email=email, service=str(service), service_id=str(service_id), user_id=str(user_id)
    )
    return _events.SDKUserIdentity(str(service), str(service_id), str(user_id))
