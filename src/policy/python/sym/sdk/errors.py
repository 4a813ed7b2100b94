"""The older family of errors, with a hint and a link."""

import re as _re

__all__ = ["SymIntegrationError", "SymSDKError"]


class SymSDKError(Exception):
    """An error with a hint and a place to read more."""

    def __init__(self, message, hint=None, doc_url=None):
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.doc_url = doc_url

    def _parts(self, mark):
        yield self.message
        if self.hint:
            yield f"{mark}Hint:{mark} {self.hint}"
        if self.doc_url:
            yield f"{mark}For more details, see:{mark} {self.doc_url}."

    def __str__(self):
        return "\n\n".join(str(part) for part in self._parts(""))

    def format_slack(self):
        return "\n\n".join(str(part) for part in self._parts("*"))



def _fill(text, params):
    if not text or not params:
        return text
    return _re.sub(r"\{(\w+)\}", lambda match: str(params.get(match.group(1), match.group(0))), text)


class SymIntegrationError(SymSDKError):
    """An error of an integration; placeholders in its texts are filled from ``params``."""

    def __init__(self, message="", hint=None, doc_url=None, *, error_code=None, params=None):
        self.error_code = error_code
        self.params = params or {}
        super().__init__(
            _fill(message or "An error occurred.", self.params),
            _fill(hint or "Please contact support.", self.params),
            _fill(doc_url, self.params),
        )
