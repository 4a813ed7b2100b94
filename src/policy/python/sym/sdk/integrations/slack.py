"""Slack: destinations, look-ups and messages."""

import re as _re

from _symbot import events as _events
from _symbot import hostcall as _hostcall
from _symbot.undeliverable import Undeliverable as _Undeliverable

from ..exceptions.slack import SlackError as _SlackError
from ..request_destination import RequestDestinationFallback as _RequestDestinationFallback
from ..request_destination import SlackChannelID as _SlackChannelID
from ..request_destination import SlackChannelName as _SlackChannelName
from ..request_destination import SlackRequestDestination as _SlackRequestDestination
from ..request_destination import SlackUser as _SlackUser
from ..request_destination import SlackUserGroup as _SlackUserGroup
from ..user import User as _User

__all__ = [
    "channel",
    "fallback",
    "get_user_info",
    "group",
    "is_user_in_group",
    "list_users",
    "mention",
    "send_message",
    "send_thread_message",
    "user",
    "users_in_channel",
]

_CHANNEL_ID = _re.compile(r"[CDG][A-Z0-9]+\Z")
_USER_ID = _re.compile(r"[UW][A-Z0-9]+\Z")
_MENTION = _re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>\Z")


def channel(name, allow_self=False, timeout=None):
    """A channel by id or name. Whether it exists shows when something is sent to it."""
    if name is None:
        return _Undeliverable(reason="slack.channel(None): the request came from no channel", allow_self=allow_self, timeout=timeout)
    if isinstance(name, str) and _CHANNEL_ID.match(name.strip()):
        return _SlackChannelID(channel_id=name, allow_self=allow_self, timeout=timeout)
    return _SlackChannelName(channel_name=name, allow_self=allow_self, timeout=timeout)


def _slack_id(identifier):
    """The Slack id of a Slack id, e-mail address, @mention, destination or ``User``."""
    if isinstance(identifier, _SlackUser):
        return identifier.user_id
    if isinstance(identifier, _User):
        known = _events.slack_id_of(identifier)
        if known:
            return known
        if not identifier.email:
            raise _SlackError("USER_NOT_FOUND", f"The user {identifier.username} has no Slack account.")
        identifier = identifier.email
    selected = getattr(identifier, "user_id", None)
    if isinstance(selected, str):
        identifier = selected
    if not isinstance(identifier, str):
        raise _SlackError(
            "USER_NOT_FOUND",
            f"A Slack user is given by Slack id, e-mail address, @name or User, not by {type(identifier).__name__}.",
        )
    text = identifier.strip()
    if _USER_ID.match(text):
        return text
    mention_ = _MENTION.match(text)
    if mention_:
        return mention_.group(1)
    if "@" in text[1:] and not text.startswith("@"):
        found = _hostcall.call("users.by_email", email=text, create=False)
    else:
        found = _hostcall.call("users.by_mention", text=text)
    if not found or not found.get("slack_id"):
        raise _SlackError("USER_NOT_FOUND", f"No Slack user was found for '{text}'.")
    return found["slack_id"]


def user(identifier, allow_self=False, timeout=None):
    """A Slack user by Slack id, e-mail address, @name or ``User``."""
    return _SlackUser(user_id=_slack_id(identifier), allow_self=allow_self, timeout=timeout)


def group(users, allow_self=False, timeout=None):
    """A group of 1 to 7 Slack users, given like in ``user``."""
    members = [_SlackUser(user_id=_slack_id(one)) for one in users]
    return _SlackUserGroup(users=members, allow_self=allow_self, timeout=timeout)


def fallback(*destinations, continue_on_delivery_failure=True, continue_on_timeout=False):
    """Destinations that are tried in order."""
    return _RequestDestinationFallback(
        destinations=list(destinations),
        continue_on_delivery_failure=continue_on_delivery_failure,
        continue_on_timeout=continue_on_timeout,
    )


def mention(identifier):
    """Text that mentions the user."""
    return f"<@{_slack_id(identifier)}>"


def _address(destination):
    """A destination as the host wants it."""
    if isinstance(destination, _User):
        slack_id = _events.slack_id_of(destination)
        return {"kind": "user", "id": str(destination.id), "slack_id": slack_id, "email": destination.email}
    if isinstance(destination, _SlackChannelID):
        return {"kind": "channel_id", "id": destination.channel_id}
    if isinstance(destination, _SlackChannelName):
        return {"kind": "channel_name", "name": destination.channel_name}
    if isinstance(destination, _SlackUser):
        return {"kind": "slack_user", "slack_id": destination.user_id}
    if isinstance(destination, _SlackUserGroup):
        return {"kind": "slack_group", "slack_ids": [one.user_id for one in destination.users]}
    if isinstance(destination, str):
        return _address(channel(destination))
    raise _SlackError(
        "INVALID_DESTINATION", f"Expected a User or a Slack destination, not {type(destination).__name__}."
    )


def send_message(destination, message):
    """Send a text to a ``User`` or a Slack destination."""
    _hostcall.call("slack.send_message", destination=_address(destination), message=str(message))


def send_thread_message(message):
    """Reply in the thread of the current request's message."""
    _hostcall.call("slack.send_thread_message", message=str(message))


def get_user_info(user):
    """Slack's user object."""
    return _hostcall.call("slack.get_user_info", slack_id=_slack_id(user))


def list_users(active_only=True):
    """All users of the workspace, by default without deactivated ones."""
    return _hostcall.call("slack.list_users", active_only=bool(active_only))


def is_user_in_group(user, *, group_id):
    """Whether the user is in the Slack user group."""
    return _hostcall.call("slack.is_user_in_group", slack_id=_slack_id(user), group_id=str(group_id))


def users_in_channel(channel):
    """The users in a channel, given by destination, id, or name with ``#``."""
    if not isinstance(channel, (str, _SlackRequestDestination)):
        raise _SlackError("CHANNEL_NOT_FOUND", f"Expected a channel, not {type(channel).__name__}.")
    found = _hostcall.call("slack.users_in_channel", channel=_address(channel))
    return [_events.user_of(one) for one in found]
