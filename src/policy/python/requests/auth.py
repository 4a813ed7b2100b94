"""Authentication."""

import base64 as _base64

__all__ = ["AuthBase", "HTTPBasicAuth"]


class AuthBase:
    """Base of callables that add credentials to a request."""

    def __call__(self, request):
        raise NotImplementedError("an authentication must be callable")


class HTTPBasicAuth(AuthBase):
    """User name and password in the ``Authorization`` header."""

    def __init__(self, username, password):
        self.username = username
        self.password = password

    def __eq__(self, other):
        return isinstance(other, HTTPBasicAuth) and (self.username, self.password) == (other.username, other.password)

    def __call__(self, request):
        def octets(part):
            return part if isinstance(part, bytes) else str(part).encode("utf-8")

        pair = octets(self.username) + b":" + octets(self.password)
        request.headers["Authorization"] = "Basic " + _base64.b64encode(pair).decode("ascii")
        return request
