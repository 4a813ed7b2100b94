"""Errors in the use of the SDK."""

from .sym_exception import SymException

__all__ = ["MissingArgument", "SDKError"]


class SDKError(SymException):
    """The SDK was used wrongly."""

    def __init__(self, name, message, error_type="SymSDK"):
        super().__init__(error_type=error_type, name=name, message=message)


class MissingArgument(SDKError):
    """A required argument was left out."""

    def __init__(self, arg, method):
        super().__init__(name="MISSING_ARGUMENT", message=f"Required argument '{arg}' is missing in the call of '{method}'.")
