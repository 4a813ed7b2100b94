"""The base of all exceptions that implementation files catch."""

from abc import ABC as _ABC, abstractmethod as _abstractmethod

__all__ = ["ExceptionWithHint", "SymException"]


class SymException(Exception):
    """``error_code`` is ``<error_type>:<name>``."""

    def __init__(self, error_type, name, message):
        super().__init__(message)
        self.message = message
        self.error_code = f"{error_type}:{name}"

    def to_dict(self):
        return {"error": True, "message": self.message, "code": self.error_code}

    def __str__(self):
        hint = getattr(self, "hint", None)
        return f"{self.message}\n\n*Hint:* {hint}" if hint else str(self.message)


class ExceptionWithHint(_ABC):
    """Mixed into exceptions that tell people what to do."""

    message = ""

    @property
    @_abstractmethod
    def hint(self):
        """What to do about it."""

    def __str__(self):
        return f"{self.message}\n\n*Hint:* {self.hint}"
