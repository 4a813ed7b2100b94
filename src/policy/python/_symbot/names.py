"""The names that make decorated functions handlers."""

REDUCERS = frozenset(
    ["get_permissions", "get_request_notifications", "get_approvers", "get_identity", "get_identity_lookup", "get_timeout", "get_flows"]
)
EVENTS = ("prompt", "request", "request_forward", "request_expire", "approve", "deny", "escalate", "deescalate")
HOOKS = frozenset(f"{when}_{event}" for event in EVENTS for when in ("on", "after"))
KIND_OF = {**{name: "reducer" for name in REDUCERS}, **{name: "hook" for name in HOOKS}}

# Handlers that this version calls. A file that defines others would have them silently skipped, which is an error.
CALLED = frozenset(["get_permissions", "get_request_notifications"])
