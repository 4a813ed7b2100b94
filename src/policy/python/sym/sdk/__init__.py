"""The SDK that implementation files import."""

from .annotations import hook, prefetch, reducer
from .errors import SymIntegrationError, SymSDKError
from .event import Channel, Event, EventMeta, Payload
from .field_option import FieldOption
from .flow import Environment, Flow, Run
from .integrations import aws_lambda, github, google, okta, onelogin, pagerduty, slack
from .request_destination import (
    RequestDestination,
    RequestDestinationFallback,
    SlackChannelID,
    SlackChannelName,
    SlackUser,
    SlackUserGroup,
)
from .request_permission import PermissionLevel, RequestPermission
from .resource import SRN, SymResource
from .target import AccessTarget
from .templates import ApprovalTemplate, Template
from .user import User, UserIdentity, UserRole

__all__ = [
    "AccessTarget",
    "ApprovalTemplate",
    "Channel",
    "Event",
    "EventMeta",
    "FieldOption",
    "Flow",
    "Payload",
    "PermissionLevel",
    "RequestDestination",
    "RequestDestinationFallback",
    "RequestPermission",
    "Run",
    "SRN",
    "SlackChannelID",
    "SlackChannelName",
    "SlackUser",
    "SlackUserGroup",
    "SymIntegrationError",
    "SymResource",
    "SymSDKError",
    "Template",
    "User",
    "UserIdentity",
    "UserRole",
    "aws_lambda",
    "github",
    "google",
    "hook",
    "okta",
    "onelogin",
    "pagerduty",
    "prefetch",
    "reducer",
    "slack",
]
