"""PagerDuty: declared so that flows load; calls raise ``PagerDutyError`` until this integration exists."""

from enum import Enum as _Enum

from _symbot.hostcall import unavailable as _unavailable

from ..exceptions.pagerduty import PagerDutyError as _PagerDutyError

__all__ = ["PagerDutyStatus", "PagerDutyUrgency", "get_incidents", "has_incident", "is_on_call", "users_for_schedule", "users_on_call"]


class PagerDutyStatus(str, _Enum):
    """The states of an incident."""

    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class PagerDutyUrgency(str, _Enum):
    """The urgencies of an incident."""

    LOW = "low"
    HIGH = "high"


def is_on_call(user, *, escalation_policy_name=None, escalation_policy_id=None, schedule_name=None, schedule_id=None):
    raise _unavailable(_PagerDutyError, "PagerDuty")


def users_on_call(*, escalation_policy_name=None, escalation_policy_id=None, schedule_name=None, schedule_id=None):
    raise _unavailable(_PagerDutyError, "PagerDuty")


def users_for_schedule(*, schedule_name=None, schedule_id=None):
    raise _unavailable(_PagerDutyError, "PagerDuty")


def get_incidents(*, assignees=None, service_ids=None, statuses=None, urgencies=None, since=None, until=None):
    raise _unavailable(_PagerDutyError, "PagerDuty")


def has_incident(*, assignees=None, service_ids=None, statuses=None, urgencies=None, since=None, until=None):
    raise _unavailable(_PagerDutyError, "PagerDuty")
