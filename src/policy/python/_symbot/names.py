"""The names that make decorated functions handlers."""

REDUCERS = frozenset(
    ["get_permissions", "get_request_notifications", "get_approvers", "get_identity", "get_identity_lookup", "get_timeout", "get_flows"]
)
EVENTS = ("prompt", "request", "request_forward", "request_expire", "approve", "deny", "escalate", "deescalate")
HOOKS = frozenset(f"{when}_{event}" for event in EVENTS for when in ("on", "after"))
KIND_OF = {**{name: "reducer" for name in REDUCERS}, **{name: "hook" for name in HOOKS}}

# Handlers that have nothing to be called for in this version, and why. All others are called.
_BY_HAND = "access is granted by hand"
LATER = {f"{when}_{event}": _BY_HAND for event in ("escalate", "deescalate") for when in ("on", "after")}

# What handlers are called with, where that is not the event alone. Functions may take fewer.
ARGUMENTS = {
    "on_request_forward": ("event", "context"),
    "after_request_forward": ("event", "context"),
    "get_identity": ("event", "service_type", "external_id", "user"),
    "get_identity_lookup": ("event", "service_type", "external_id", "user"),
    "get_flows": ("user", "flows", "flows_filter_vars"),
}
PREFETCH = "prefetch:"
ON_CHANGE = "on_change_"


def arguments(name):
    """The names of what a handler is called with."""
    if name.startswith(ON_CHANGE):
        return ("username", "form")
    return ARGUMENTS.get(name, ("event",))


def needed(name):
    """How many of them a handler must take to be of use: without the form, or the flows, it could not answer."""
    return 2 if name == "get_flows" or name.startswith(ON_CHANGE) else 1
