"""What ``get_request_notifications`` returns."""

from typing import List as _List, Optional as _Optional, Union as _Union

from _symbot.model import BaseModel as _BaseModel, Field as _Field, validator as _validator

from .request_destination import RequestDestination as _RequestDestination
from .request_destination import SlackRequestDestination as _SlackRequestDestination
from .user import User as _User

__all__ = ["Notification"]


class Notification(_BaseModel):
    """A request is sent to all destinations of a notification; when none can be reached, or time is up, the next one is used."""

    destinations: _List[_Union[_RequestDestination, _User]] = _Field(..., min_items=1)
    timeout: _Optional[int] = None

    class Config:
        json_encoders = {_User: lambda user: user.to_dict()}

    @_validator("destinations")
    def _one_in_slack(cls, value):
        if sum(isinstance(item, _SlackRequestDestination) for item in value) > 1:
            raise ValueError("Only one SlackRequestDestination is allowed in a Notification.")
        return value
