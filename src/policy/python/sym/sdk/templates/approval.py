"""The approval template."""

from _symbot.outcome import Outcome as _Outcome

from .step import ApprovalTemplateStep
from .template import Template as _Template

__all__ = ["ApprovalTemplate", "ApprovalTemplateStep"]


class ApprovalTemplate(_Template):
    """What a hook may return instead of letting its event proceed. Nothing happens unless the value is returned."""

    @classmethod
    def ignore(cls, *, message=None, **kwargs):
        return _Outcome("ignore", dict(kwargs, message=message) if message is not None else kwargs)

    @classmethod
    def prompt(cls, **kwargs):
        return _Outcome("prompt", kwargs)

    @classmethod
    def request(cls, *, target_srn=None, duration=None, **kwargs):
        return _Outcome("request", kwargs, target_srn, duration)

    @classmethod
    def approve(cls, *, target_srn=None, duration=None, **kwargs):
        return _Outcome("approve", kwargs, target_srn, duration)

    @classmethod
    def deny(cls, *, target_srn=None, duration=None, **kwargs):
        return _Outcome("deny", kwargs, target_srn, duration)

    @classmethod
    def escalate(cls, *, target_srn=None, duration=None, **kwargs):
        return _Outcome("escalate", kwargs, target_srn, duration)

    @classmethod
    def deescalate(cls, *, target_srn=None, **kwargs):
        return _Outcome("deescalate", kwargs, target_srn)
