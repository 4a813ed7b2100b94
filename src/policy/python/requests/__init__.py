"""HTTP for implementation files, carried out by the host: only to hosts that the operator has listed."""

from . import adapters, auth, exceptions, models, sessions, structures
from .exceptions import (
    ConnectionError,
    ConnectTimeout,
    HTTPError,
    JSONDecodeError,
    ReadTimeout,
    RequestException,
    Timeout,
    TooManyRedirects,
    URLRequired,
)
from .models import PreparedRequest, Request, Response
from .sessions import Session


class _Codes:
    """Numbers of HTTP by name: ``requests.codes.ok``."""

    ok = okay = 200
    created = 201
    accepted = 202
    no_content = 204
    moved_permanently = moved = 301
    found = 302
    see_other = other = 303
    not_modified = 304
    temporary_redirect = 307
    permanent_redirect = 308
    bad_request = bad = 400
    unauthorized = 401
    payment_required = 402
    forbidden = 403
    not_found = 404
    method_not_allowed = not_allowed = 405
    not_acceptable = 406
    request_timeout = timeout = 408
    conflict = 409
    gone = 410
    unprocessable_entity = unprocessable = 422
    locked = 423
    too_many_requests = too_many = 429
    internal_server_error = server_error = 500
    not_implemented = 501
    bad_gateway = 502
    service_unavailable = unavailable = 503
    gateway_timeout = 504

    def __getitem__(self, name):
        return getattr(self, name)

    def get(self, name, default=None):
        return getattr(self, name, default)


codes = _Codes()


def session():
    return Session()


def request(method, url, **kwargs):
    with Session() as once:
        return once.request(method, url, **kwargs)


def get(url, params=None, **kwargs):
    return request("GET", url, params=params, **kwargs)


def options(url, **kwargs):
    return request("OPTIONS", url, **kwargs)


def head(url, **kwargs):
    kwargs.setdefault("allow_redirects", False)
    return request("HEAD", url, **kwargs)


def post(url, data=None, json=None, **kwargs):
    return request("POST", url, data=data, json=json, **kwargs)


def put(url, data=None, **kwargs):
    return request("PUT", url, data=data, **kwargs)


def patch(url, data=None, **kwargs):
    return request("PATCH", url, data=data, **kwargs)


def delete(url, **kwargs):
    return request("DELETE", url, **kwargs)
