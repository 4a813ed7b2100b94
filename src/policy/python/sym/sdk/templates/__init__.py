"""Templates and their steps."""

from .approval import ApprovalTemplate
from .step import ApprovalTemplateStep, TemplateStep, get_step_output
from .template import Template

__all__ = ["ApprovalTemplate", "ApprovalTemplateStep", "Template", "TemplateStep", "get_step_output"]
