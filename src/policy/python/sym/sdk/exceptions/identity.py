"""Errors about user identities."""

from .sym_exception import ExceptionWithHint, SymException

__all__ = ["CouldNotSaveError", "IdentityError", "IdentityNotFound"]


class IdentityError(SymException):
    """Base of the identity errors."""

    def __init__(self, name, message, error_type="Identity"):
        super().__init__(error_type=error_type, name=name, message=message)


class CouldNotSaveError(IdentityError):
    """An identity could not be stored."""

    def __init__(self, message):
        super().__init__(name="COULD_NOT_SAVE", message=message)


class IdentityNotFound(ExceptionWithHint, IdentityError):
    """The user has no identity in a service."""

    def __init__(self, email, service_id):
        super().__init__(name="NOT_FOUND", message=f"No identity of {email} was found for the service {service_id}.")
        self.email = email
        self.service_id = service_id

    @property
    def hint(self):
        return "Set the identity with the CLI: `symbot users set-identity`."
