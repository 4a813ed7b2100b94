"""Users of the platform."""

from _symbot import events as _events
from _symbot import hostcall as _hostcall

from ..exceptions.sym_exception import SymException as _SymException
from ..exceptions.sym_integration import SymIntegrationError as _SymIntegrationError

__all__ = ["get_or_create_user_by_email", "get_or_create_users_by_emails"]


def _address(email):
    if not isinstance(email, str) or email.count("@") != 1 or not all(email.split("@")) or any(c.isspace() for c in email):
        raise _SymIntegrationError("USER_PROCESSING_ERROR", f"'{email}' is not an e-mail address.")
    return email


def get_or_create_user_by_email(email):
    """The user with that address; made if unknown."""
    address = _address(email)
    try:
        return _events.user_of(_hostcall.call("users.by_email", email=address, create=True))
    except _SymException as error:
        if isinstance(error, _SymIntegrationError):
            raise
        raise _SymIntegrationError("USER_PROCESSING_ERROR", str(error)) from error


def get_or_create_users_by_emails(emails, raise_on_error=False):
    """The users with these addresses; single failures are printed and skipped unless ``raise_on_error``."""
    if isinstance(emails, (str, bytes)):
        raise _SymIntegrationError("USER_PROCESSING_ERROR", "Expected a list of e-mail addresses.")
    try:
        addresses = list(emails)
    except TypeError:
        raise _SymIntegrationError("USER_PROCESSING_ERROR", "Expected a list of e-mail addresses.") from None
    users = []
    for email in addresses:
        try:
            users.append(get_or_create_user_by_email(email))
        except _SymIntegrationError as error:
            if raise_on_error:
                raise
            print(f"get_or_create_users_by_emails: {error}")
    return users
