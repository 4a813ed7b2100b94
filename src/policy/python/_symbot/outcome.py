"""What the methods of ``ApprovalTemplate`` return: a description of the event to fire."""


class Outcome:
    """An event that a hook asks for."""

    __slots__ = ("step", "fields", "target_srn", "duration")

    def __init__(self, step, fields, target_srn=None, duration=None):
        self.step = step
        self.fields = fields
        self.target_srn = target_srn
        self.duration = duration

    def __repr__(self):
        return f"ApprovalTemplate.{self.step}({', '.join(f'{key}={value!r}' for key, value in self.fields.items())})"
