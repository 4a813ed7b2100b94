"""The call that is being answered, for SDK functions that need it. Set and cleared by the driver."""

event = None
# Name of a step -> its output.
outputs = {}
# The handlers of the module: name -> (kind, function, field).
handlers = {}
# Identities that the module was asked for in this call: (username, service, its id) -> the user's id there, or None.
identities = {}
# Whether a handler is being asked for an identity: what it asks itself is not put to it again.
asking = False


def find_identity(user, service_type, external_id):
    """`identities.find`, which the driver puts here: events cannot import it."""
    return None


def step_output(name):
    if name is None:
        name = event.name if event is not None else None
    output = outputs.get(name)
    return dict(output) if isinstance(output, dict) else {}
