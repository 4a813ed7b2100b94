"""The event that is being handled, for SDK functions that need it. Set and cleared by the driver."""

event = None
outputs = {}


def step_output(name):
    if name is None:
        name = event.name if event is not None else None
    output = outputs.get(name)
    return dict(output) if isinstance(output, dict) else {}
