"""Re-exports of the data classes."""

from .event import Channel, Event, EventMeta, Payload
from .field_option import FieldOption
from .flow import Environment, Flow, Run
from .request_destination import (
    RequestDestination,
    RequestDestinationFallback,
    RequestForwardContext,
    SlackChannelID,
    SlackChannelName,
    SlackRequestDestination,
    SlackUser,
    SlackUserGroup,
)
from .resource import (
    SRN,
    InvalidSlugError,
    InvalidSRNError,
    InvalidVersionError,
    MissingComponentError,
    MultipleErrors,
    SymBaseResource,
    SymResource,
    TrailingSeparatorError,
)
from .target import AccessTarget
from .user import User, UserIdentity, UserRole, user_ids
