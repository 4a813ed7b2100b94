"""What a handler is called with, made from the input of the call."""

from sym.sdk.forms import FieldOption, SlackUserSelection, SymPromptForm
from sym.sdk.request_destination import (
    RequestDestination,
    RequestForwardContext,
    SlackChannelID,
    SlackChannelName,
    SlackUser,
    SlackUserGroup,
)

from . import events, names
from .undeliverable import Undeliverable

_VARARGS = 0x04


def _most(function):
    """The number of arguments that a function takes by position; None where there is no limit or it cannot be told."""
    for _ in range(16):
        inner = getattr(function, "__wrapped__", None)
        if inner is None:
            break
        function = inner
    code = getattr(function, "__code__", None)
    if code is None or code.co_flags & _VARARGS:
        return None
    return code.co_argcount


def of(name, function, event, data):
    """The arguments by position; a function that takes fewer gets the first ones."""
    return _fitting(function, tuple(_MAKE[one](event, data.get("arguments") or {}) for one in names.arguments(name)))


def of_identity(name, function, event, user, data):
    """The arguments of a reducer that is asked for an identity while another handler runs."""
    made = dict(data, event=event, user=user)
    return _fitting(function, tuple(made[one] for one in names.arguments(name)))


def _fitting(function, given):
    most = _most(function)
    return given if most is None or most >= len(given) else given[: max(most, 1)]


def _destination(data):
    kind = data.get("kind")
    if kind == "channel_id":
        return SlackChannelID(channel_id=data["id"])
    if kind == "channel_name":
        return SlackChannelName(channel_name=data["name"])
    if kind == "slack_user":
        return SlackUser(user_id=data["slack_id"])
    if kind == "slack_group":
        return SlackUserGroup(users=[SlackUser(user_id=one) for one in data["slack_ids"]])
    if kind == "user" and data.get("slack_id"):
        return SlackUser(user_id=data["slack_id"])
    if kind == "user":
        return RequestDestination()
    return Undeliverable(reason=str(data.get("reason")))


def _context(event, data):
    return RequestForwardContext(
        all_request_destinations=[_destination(one) for one in data.get("destinations") or ()],
        current_destination_index=data.get("current") or 0,
        next_destination_index=data.get("next"),
    )


def _selection(value):
    if isinstance(value, dict) and "$slack_user" in value:
        return SlackUserSelection(**value["$slack_user"])
    if isinstance(value, list):
        return [_selection(one) for one in value]
    return value


def _field(data):
    options = {
        key: [FieldOption.construct(**one) for one in data.get(key) or ()]
        for key in ("current_allowed_values", "original_allowed_values")
    }
    return dict(data, value=_selection(data.get("value")), **options)


def _form(event, data):
    form = data["form"]
    return SymPromptForm(
        fields={one["name"]: _field(one) for one in form["fields"]},
        flow_vars=event.flow.vars,
        additional_header_text=form.get("additional_header_text"),
    )


def _flows(event, data):
    return [events.SDKFlow(dict(one, index=index)) for index, one in enumerate(data.get("flows") or ())]


_MAKE = {
    "event": lambda event, data: event,
    "context": _context,
    "service_type": lambda event, data: data["service_type"],
    "external_id": lambda event, data: data["external_id"],
    "user": lambda event, data: events.user_of(data["user"]) if data.get("user") else event.user,
    "flows": _flows,
    "flows_filter_vars": lambda event, data: dict(data.get("vars") or {}),
    "username": lambda event, data: event.user.username,
    "form": _form,
}
