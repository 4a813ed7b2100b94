"""The names of pydantic 1 that implementation files import, on the model base of the SDK."""

from _symbot.model import BaseModel, Field, ValidationError, root_validator, validator

__all__ = ["BaseModel", "Field", "ValidationError", "root_validator", "validator"]
