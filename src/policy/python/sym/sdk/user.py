"""People and their identities in other services."""

from abc import ABC as _ABC, abstractmethod as _abstractmethod
from enum import Enum as _Enum

from .request_permission import PermissionLevel as _PermissionLevel
from .resource import SymResource as _SymResource

__all__ = ["User", "UserIdentity", "UserRole", "user_ids"]


class UserRole(str, _Enum):
    """What a user may do in general, in descending order."""

    ADMIN = "admin"
    MEMBER = "member"
    GUEST = "guest"

    def permission_levels(self):
        levels = {_PermissionLevel.ALL_USERS}
        if self in (UserRole.ADMIN, UserRole.MEMBER):
            levels.add(_PermissionLevel.MEMBER)
        if self is UserRole.ADMIN:
            levels.add(_PermissionLevel.ADMIN)
        return levels


class UserIdentity(_ABC):
    """Who a user is in one service."""

    @property
    @_abstractmethod
    def service(self):
        """The type of the service, such as ``okta``."""

    @property
    @_abstractmethod
    def service_id(self):
        """The id of the service's account, such as a Slack team id."""

    @property
    @_abstractmethod
    def user_id(self):
        """The user's id there."""

    def __str__(self):
        return f"Identity({self.service}: {self.user_id})"

    __repr__ = __str__


class User(_SymResource, _ABC):
    """A person or a bot."""

    @property
    @_abstractmethod
    def id(self):
        """UUID of the user."""

    @property
    @_abstractmethod
    def email(self):
        """The e-mail address; None for bots."""

    @property
    @_abstractmethod
    def username(self):
        """The e-mail address of people, the name of bots."""

    @property
    @_abstractmethod
    def type(self):
        """``normal`` or ``bot``."""

    @property
    @_abstractmethod
    def first_name(self):
        """The first name, if known."""

    @property
    @_abstractmethod
    def last_name(self):
        """The last name, if known."""

    @property
    @_abstractmethod
    def identities(self):
        """Type of service -> list of identities."""

    @property
    @_abstractmethod
    def role(self):
        """The user's role."""

    @_abstractmethod
    def identity(self, service_type, service_id=None):
        """The identity in a service, or None."""

    @_abstractmethod
    def get_event_count(self, event_name, since=None, until=None, filter_on="flow", include_errored=False):
        """How many events of that name there are in runs that this user requested."""

    def to_dict(self):
        return {"id": str(self.id), "username": self.username}

    def __eq__(self, other):
        return isinstance(other, User) and self.username == other.username

    def __hash__(self):
        return hash(self.username)

    def __repr__(self):
        return f"User({self.username})"

    def __str__(self):
        identities = ", ".join(str(one) for many in self.identities.values() for one in many)
        return f"User(email={self.email}, username={self.username}, identities=[{identities}])"


def user_ids(user_list):
    """The ids of the users, as permissions want them."""
    return [user.id for user in user_list]
