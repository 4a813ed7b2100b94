"""What handlers return, as tagged plain data; the host judges it."""

import datetime

from sym.sdk.flow import Flow
from sym.sdk.forms import FieldOption, SlackUserSelection, SymPromptForm
from sym.sdk.notifications import Notification
from sym.sdk.request_destination import (
    RequestDestination,
    RequestDestinationFallback,
    SlackChannelID,
    SlackChannelName,
    SlackUser,
    SlackUserGroup,
)
from sym.sdk.request_permission import PermissionLevel, RequestPermission
from sym.sdk.user import User

from .events import SDKTarget, SDKUser, slack_id_of
from .model import encode_json
from .outcome import Outcome
from .undeliverable import Undeliverable

REPR_MAX_CHARACTERS = 200


def encode(name, value):
    """The result of the handler `name`."""
    if name == "get_approvers":
        return _approvers(value)
    if name == "get_timeout":
        return _timeout(value)
    return encode_value(value)


def _timeout(value):
    """Whole seconds, as a number or a timedelta; parts of a second count as one."""
    if isinstance(value, datetime.timedelta):
        value = -(-value // datetime.timedelta(seconds=1))
    if isinstance(value, int) and not isinstance(value, bool):
        return {"type": "seconds", "value": int(value)}
    return encode_value(value)


def encode_value(value):
    if value is None:
        return {"type": "none"}
    if isinstance(value, RequestPermission):
        return {
            "type": "permissions",
            "webapp_view": _audience(value.webapp_view),
            "approve_deny": _audience(value.approve_deny),
            "allow_self_approval": value.allow_self_approval,
        }
    if isinstance(value, Notification):
        items = value.destinations
        return {
            "type": "notification",
            "destinations": [encode_value(one) for one in items] if isinstance(items, (list, tuple)) else encode_value(items),
            "timeout": value.timeout if isinstance(value.timeout, int) else _other(value.timeout),
        }
    if isinstance(value, (list, tuple)):
        return {"type": "list", "items": [encode_value(one) for one in value]}
    # Before User, an abstract class, whose check is slow.
    if isinstance(value, RequestDestination):
        return _destination(value)
    if isinstance(value, User):
        return {
            "type": "destination",
            "kind": "user",
            "id": str(value.id),
            "slack_id": slack_id_of(value),
            "email": value.email,
        }
    if isinstance(value, Outcome):
        return {
            "type": "outcome",
            "step": value.step,
            "fields": _fields(value.fields),
            "target_srn": None if value.target_srn is None else str(value.target_srn),
            "duration": value.duration,
        }
    if isinstance(value, FieldOption):
        return {"type": "option", "value": plain(value.value), "label": value.label}
    if isinstance(value, SymPromptForm):
        return _form(value)
    if isinstance(value, Flow):
        return {"type": "flow", "index": getattr(value, "_data", {}).get("index"), "name": value.name}
    if isinstance(value, str):
        return {"type": "text", "value": str(value)}
    return _other(value)


def _approvers(value):
    """What ``get_approvers`` returns: a destination, a fallback of some, or, in old code, a list of Slack users."""
    if isinstance(value, RequestDestinationFallback):
        return {
            "type": "approvers",
            "destinations": [_addressed(one) for one in value.destinations],
            "continue_on_failure": value.continue_on_delivery_failure,
            "continue_on_timeout": value.continue_on_timeout,
        }
    if isinstance(value, (list, tuple)) and value and all(isinstance(one, SlackUser) for one in value):
        group = {
            "destination": {"type": "destination", "kind": "slack_group", "slack_ids": [one.user_id for one in value]},
            "allow_self": any(one.allow_self for one in value),
            "timeout": value[0].timeout,
        }
        return {"type": "approvers", "destinations": [group], "continue_on_failure": True, "continue_on_timeout": False}
    if isinstance(value, RequestDestination):
        return {"type": "approvers", "destinations": [_addressed(value)], "continue_on_failure": True, "continue_on_timeout": False}
    return encode_value(value)


def _addressed(value):
    return {
        "destination": _destination(value),
        "allow_self": getattr(value, "allow_self", False),
        "timeout": getattr(value, "timeout", None),
    }


def _form(form):
    return {
        "type": "form",
        "header": form.additional_header_text,
        "fields": [
            {
                "name": field.name,
                "value": _form_value(field.value),
                "label": field.label,
                "required": field.required,
                "visible": field.visible,
                "options": [{"value": plain(one.value), "label": one.label} for one in field.current_allowed_values],
            }
            for field in form.fields.values()
        ],
    }


def _form_value(value):
    if isinstance(value, SlackUserSelection):
        return value.user_id
    if isinstance(value, User):
        return getattr(value, "slack_id", None)
    if isinstance(value, FieldOption):
        return plain(value.value)
    if isinstance(value, (list, tuple)):
        return [_form_value(one) for one in value]
    return plain(value)


def _other(value):
    if value is None:
        return None
    return {"type": "other", "class": type(value).__name__, "repr": _text_of(repr, value, REPR_MAX_CHARACTERS)}


def _text_of(function, value, limit):
    """`str(value)` or `repr(value)`, also where that raises."""
    try:
        text = function(value)
    except BaseException:
        return f"<{type(value).__name__}>"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _audience(value):
    if isinstance(value, PermissionLevel):
        return {"level": value.value}
    if isinstance(value, (list, tuple)):
        return {"people": [str(one) for one in value]}
    return _other(value)


def _destination(value):
    if isinstance(value, Undeliverable):
        return {"type": "destination", "kind": "nowhere", "reason": value.reason}
    if isinstance(value, SlackChannelID):
        return {"type": "destination", "kind": "channel_id", "id": value.channel_id}
    if isinstance(value, SlackChannelName):
        return {"type": "destination", "kind": "channel_name", "name": value.channel_name}
    if isinstance(value, SlackUser):
        return {"type": "destination", "kind": "slack_user", "slack_id": value.user_id}
    if isinstance(value, SlackUserGroup):
        return {"type": "destination", "kind": "slack_group", "slack_ids": [one.user_id for one in value.users]}
    return _other(value)


def _fields(value):
    """Keywords of an event that a hook fires: as `plain`, but people and targets stay what they are, see `events.field_value`."""
    if isinstance(value, dict):
        return {str(key): _fields(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_fields(item) for item in value]
    if isinstance(value, SDKUser):
        return {"$user": value._data}
    if isinstance(value, SDKTarget):
        names = ("id", "name", "label", "type", "settings")
        return {"$target": {name: plain(getattr(value, f"_{name}")) for name in names}}
    return plain(value)


def plain(value):
    """JSON-able data; what is not becomes text."""
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return str(getattr(value, "value", value))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, User):
        return value.username
    try:
        return plain(encode_json(value))
    except TypeError:
        return str(value)
