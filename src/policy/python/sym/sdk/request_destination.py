"""Where a request can be sent."""

import json as _json
from typing import List as _List, Optional as _Optional

from _symbot.model import BaseModel as _BaseModel, Field as _Field, ValidationError as _ValidationError
from _symbot.model import validator as _validator

__all__ = [
    "RequestDestination",
    "RequestDestinationFallback",
    "RequestForwardContext",
    "SlackChannelID",
    "SlackChannelName",
    "SlackRequestDestination",
    "SlackUser",
    "SlackUserGroup",
]


class RequestDestination(_BaseModel):
    """Base of all destinations."""

    allow_self: bool = False
    timeout: _Optional[int] = None

    @classmethod
    def validate(cls, value):
        if isinstance(value, cls):
            return value
        return cls.parse_obj(value)

    @classmethod
    def parse_obj(cls, obj):
        """The destination that a dict stands for, chosen by its keys."""
        try:
            if not isinstance(obj, dict):
                raise ValueError(f"expected a dict, not {type(obj).__name__}")
            for key, kind in _BY_KEY:
                if key in obj:
                    return kind(**obj)
            if "lookup_type" in obj and "allow_self" in obj and len(obj) > 2:
                return RequestDestination(**obj)
            raise ValueError("Unknown type of RequestDestination")
        except (ValueError, TypeError) as error:
            raise ValueError(f"Failed to parse RequestDestination data: {error}") from error

    @classmethod
    def parse_raw(cls, raw, **_ignored):
        try:
            obj = _json.loads(raw)
        except (ValueError, TypeError) as error:
            raise ValueError(f"Failed to parse RequestDestination data: {error}") from error
        return cls.parse_obj(obj)


class SlackRequestDestination(RequestDestination):
    """Base of the destinations in Slack."""


class SlackChannelID(SlackRequestDestination):
    """A conversation by its id."""

    channel_id: str

    @_validator("channel_id")
    def _is_channel_id(cls, value):
        value = value.strip()
        if not value:
            raise ValueError("channel_id must be non-empty")
        if value[0] not in "CDG":
            raise ValueError(f"'{value}' is not a valid Slack Channel ID")
        return value

    def __str__(self):
        return f"SlackChannelID '{self.channel_id}'"


class SlackChannelName(SlackRequestDestination):
    """A channel by its name."""

    channel_name: str

    @_validator("channel_name")
    def _not_empty(cls, value):
        value = value.strip()
        if not value:
            raise ValueError("channel_name must be non-empty")
        return value

    def __str__(self):
        return f"SlackChannelName '{self.channel_name}'"


class SlackUser(SlackRequestDestination):
    """A Slack user, told by direct message."""

    user_id: str

    @_validator("user_id")
    def _is_user_id(cls, value):
        value = value.strip()
        if not value:
            raise ValueError("user_id must be non-empty")
        if value[0] not in "UW":
            raise ValueError(f"'{value}' is not a valid Slack User ID")
        return value

    def mention(self):
        return f"<@{self.user_id}>"

    def __str__(self):
        return f"SlackUser '{self.user_id}'"


class SlackUserGroup(SlackRequestDestination):
    """A group direct message."""

    users: _List[SlackUser] = _Field(..., min_items=1, max_items=7)

    def __str__(self):
        return f"SlackUserGroup '{[user.user_id for user in self.users]}'"


class RequestDestinationFallback(_BaseModel):
    """Destinations that are tried in order."""

    destinations: _List[RequestDestination]
    continue_on_delivery_failure: bool = True
    continue_on_timeout: bool = False


class RequestForwardContext(_BaseModel):
    """What the ``request_forward`` hooks get as their second argument."""

    all_request_destinations: _List[RequestDestination]
    current_destination_index: int
    next_destination_index: _Optional[int] = None


_BY_KEY = (
    ("channel_name", SlackChannelName),
    ("channel_id", SlackChannelID),
    ("user_id", SlackUser),
    ("users", SlackUserGroup),
)
