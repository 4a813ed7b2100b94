"""Base of templates."""

from ..resource import SymResource as _SymResource
from .step import TemplateStep

__all__ = ["Template", "TemplateStep"]


class Template(_SymResource):
    """The life cycle that a flow follows."""
