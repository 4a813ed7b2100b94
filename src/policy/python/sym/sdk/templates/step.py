"""Steps of templates."""

from enum import Enum as _Enum

from _symbot import current as _current

__all__ = ["ApprovalTemplateStep", "TemplateStep", "get_step_output"]


class TemplateStep(str, _Enum):
    """What every template knows."""

    IGNORE = "ignore"


class ApprovalTemplateStep(str, _Enum):
    """The events of an approval."""

    PROMPT = "prompt"
    REQUEST = "request"
    REQUEST_FORWARD = "request_forward"
    REQUEST_EXPIRE = "request_expire"
    APPROVE = "approve"
    DENY = "deny"
    ESCALATE = "escalate"
    DEESCALATE = "deescalate"


def get_step_output(step=None):
    """The output of the step, or of the current one."""
    name = step.value if isinstance(step, _Enum) else step
    return _current.step_output(name)
