"""The names of pydantic 1 that implementation files import, on the model base of the SDK."""

from enum import Enum as _Enum

from _symbot.model import BaseModel, Field, ValidationError, root_validator, validator

__all__ = ["BaseModel", "Extra", "Field", "ValidationError", "root_validator", "validator"]


class Extra(str, _Enum):
    """What a model does with values it has no field for: the setting ``extra`` of its ``Config``."""

    allow = "allow"
    forbid = "forbid"
    ignore = "ignore"
