"""Who may see and decide a request."""

from enum import Enum as _Enum
from typing import List as _List, Union as _Union
from uuid import UUID as _UUID

from _symbot.model import BaseModel as _BaseModel, validator as _validator

__all__ = ["PermissionLevel", "RequestPermission"]


class PermissionLevel(str, _Enum):
    """Each level includes those above it."""

    ADMIN = "admin"
    MEMBER = "member"
    ALL_USERS = "all_users"


class RequestPermission(_BaseModel):
    """What ``get_permissions`` returns. Admins may always see and decide."""

    webapp_view: _Union[PermissionLevel, _List[_UUID]]
    approve_deny: _Union[PermissionLevel, _List[_UUID]]
    allow_self_approval: bool = False

    @_validator("webapp_view", "approve_deny", pre=True)
    def _level_or_ids(cls, value):
        if isinstance(value, PermissionLevel):
            return value
        if value is None or value == "" or value == []:
            raise ValueError("Input cannot be empty")
        if isinstance(value, str):
            try:
                return PermissionLevel(value)
            except ValueError:
                pass
        if isinstance(value, list):
            ids = []
            for item in value:
                if not isinstance(item, _UUID):
                    try:
                        item = _UUID(item)
                    except (ValueError, TypeError, AttributeError):
                        raise ValueError(
                            "Invalid input. A list must hold the UUIDs of users: "
                            "use user_ids() from sym.sdk.user to get them from User objects."
                        ) from None
                ids.append(item)
            return ids
        raise ValueError("Must be a PermissionLevel or List[UUID].")
