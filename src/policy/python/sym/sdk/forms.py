"""Forms and their fields, as ``on_change`` functions see them."""

from collections import OrderedDict as _OrderedDict
from enum import Enum as _Enum
from typing import Any as _Any, Dict as _Dict, List as _List, Optional as _Optional

from _symbot.model import BaseModel as _BaseModel, Field as _Field, validator as _validator

__all__ = ["FieldOption", "FieldType", "PromptField", "SlackUserSelection", "SymPromptForm"]

_OPTION_LENGTH_MAX = 55


class FieldType(str, _Enum):
    """The types of prompt fields."""

    STRING = "string"
    INT = "int"
    BOOL = "bool"
    DURATION = "duration"
    SLACK_USER = "slack_user"
    SLACK_USER_LIST = "slack_user_list"
    STR_LIST = "str_list"
    INT_LIST = "int_list"


class FieldOption(_BaseModel):
    """One entry of a drop-down list."""

    value: _Any = None
    label: str = _Field(..., max_length=_OPTION_LENGTH_MAX)

    @_validator("value", pre=True)
    def _short_enough(cls, value):
        if value is None:
            raise ValueError("value must be non-empty")
        if len(str(value)) > _OPTION_LENGTH_MAX:
            raise ValueError(f"value exceeds the max length of {_OPTION_LENGTH_MAX} characters")
        return value


class SlackUserSelection(_BaseModel):
    """A person chosen in a Slack user field."""

    user_id: str = _Field(..., allow_mutation=False)
    username: _Optional[str] = _Field(None, allow_mutation=False)

    class Config:
        validate_assignment = True


class PromptField(_BaseModel):
    """A field of a form."""

    name: str = _Field(..., allow_mutation=False)
    type: FieldType = _Field(..., allow_mutation=False)
    value: _Any = None
    label: _Optional[str] = None
    required: bool = True
    current_allowed_values: _List[FieldOption] = []
    original_allowed_values: _List[FieldOption] = _Field([], allow_mutation=False)
    visible: bool = True

    class Config:
        validate_assignment = True

    @_validator("value")
    def _people(cls, value, values):
        """Of Slack user fields, people that are given as plain data."""
        kind = values.get("type")
        if kind is FieldType.SLACK_USER and isinstance(value, dict):
            return SlackUserSelection(**value)
        if kind is FieldType.SLACK_USER_LIST and isinstance(value, list):
            return [SlackUserSelection(**one) if isinstance(one, dict) else one for one in value]
        return value


class SymPromptForm(_BaseModel):
    """A form while it is being filled in."""

    fields: _Dict[str, PromptField]
    flow_vars: _Dict[str, str] = {}
    additional_header_text: _Optional[str] = None

    class Config:
        validate_assignment = True

    @_validator("fields")
    def _keep_order(cls, value):
        return _OrderedDict(value)
