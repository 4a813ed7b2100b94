"""Requests and responses."""

import base64 as _base64
import datetime as _datetime
import json as _json

from .exceptions import (
    HTTPError,
    InvalidHeader,
    InvalidJSONError,
    InvalidSchema,
    InvalidURL,
    JSONDecodeError,
    MissingSchema,
    RequestException,
)
from .structures import CaseInsensitiveDict

__all__ = ["PreparedRequest", "Request", "Response"]


def _pairs(value):
    """``(name, text)`` for each value of a mapping or a list of pairs; lists of values become several, None is left out."""
    items = value.items() if hasattr(value, "items") else value
    found = []
    for key, one in items:
        several = one if isinstance(one, (list, tuple, set)) else [one]
        found.extend((key, part) for part in several if part is not None)
    return found


def _text(value, encoding="utf-8"):
    return value.decode(encoding) if isinstance(value, bytes) else value


class Request:
    """What is to be sent, as it was asked for."""

    def __init__(self, method=None, url=None, headers=None, files=None, data=None, params=None, auth=None, cookies=None, hooks=None, json=None):
        self.method = method
        self.url = url
        self.headers = headers or {}
        self.files = files
        self.data = data
        self.params = params or {}
        self.auth = auth
        self.cookies = cookies
        self.json = json

    def prepare(self):
        prepared = PreparedRequest()
        prepared.prepare(self.method, self.url, self.headers, self.files, self.data, self.params, self.auth, self.cookies, None, self.json)
        return prepared

    def __repr__(self):
        return f"<Request [{self.method}]>"


class PreparedRequest:
    """What is sent."""

    def __init__(self):
        self.method = None
        self.url = None
        self.headers = CaseInsensitiveDict()
        self.body = None

    @property
    def path_url(self):
        from urllib.parse import urlsplit

        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def prepare(self, method=None, url=None, headers=None, files=None, data=None, params=None, auth=None, cookies=None, hooks=None, json=None):
        self.method = str(_text(method)).upper()
        user = self._prepare_url(url, params)
        self.headers = CaseInsensitiveDict()
        for name, value in (headers or {}).items():
            if value is None:
                continue
            if not isinstance(value, (str, bytes)):
                raise InvalidHeader(f"Header part ({value!r}) from ({name!r}, {value!r}) must be of type str or bytes, not {type(value)}")
            self.headers[_text(name, "latin-1")] = _text(value, "latin-1").strip()
        self._prepare_body(data, files, json)
        if cookies and "Cookie" not in self.headers:
            self.headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in dict(cookies).items())
        auth = auth or user
        if auth:
            if isinstance(auth, tuple) and len(auth) == 2:
                from .auth import HTTPBasicAuth

                auth = HTTPBasicAuth(*auth)
            changed = auth(self)
            if changed is not self and changed is not None:
                self.__dict__.update(changed.__dict__)

    def _prepare_url(self, url, params):
        from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit

        url = str(_text(url)).lstrip() if url is not None else ""
        parts = urlsplit(url)
        if not parts.scheme:
            raise MissingSchema(f"Invalid URL {url!r}: No scheme supplied. Perhaps you meant https://{url}?")
        if parts.scheme.lower() not in ("http", "https"):
            raise InvalidSchema(f"No connection adapters were found for {url!r}")
        if not parts.hostname:
            raise InvalidURL(f"Invalid URL {url!r}: No host supplied")
        query = parts.query
        if params:
            if isinstance(params, (str, bytes)):
                added = _text(params)
            else:
                added = urlencode(_pairs(params))
            query = f"{query}&{added}" if query and added else query or added
        user = None
        host = parts.netloc
        if "@" in host:
            credentials, _, host = host.rpartition("@")
            name, _, password = credentials.partition(":")
            user = (unquote(name), unquote(password))
        safe = "!#$%&'()*+,/:;=?@[]~"
        self.url = urlunsplit((parts.scheme.lower(), host, quote(parts.path or "/", safe=safe), quote(query, safe=safe), quote(parts.fragment, safe=safe)))
        return user

    def _prepare_body(self, data, files, json):
        if files:
            raise RequestException("files= is not available in implementation files")
        kind = None
        if data is not None and data != {} and data != []:
            if isinstance(data, (str, bytes, bytearray)):
                self.body = data if isinstance(data, str) else bytes(data)
                kind = "application/x-www-form-urlencoded" if isinstance(data, str) else None
            elif hasattr(data, "read"):
                self.body = data.read()
            else:
                from urllib.parse import urlencode

                self.body = urlencode(_pairs(data))
                kind = "application/x-www-form-urlencoded"
        elif json is not None:
            try:
                self.body = _json.dumps(json, allow_nan=False)
            except ValueError as error:
                raise InvalidJSONError(error, request=self) from None
            self.body = self.body.encode("utf-8")
            kind = "application/json"
        if kind and "Content-Type" not in self.headers:
            self.headers["Content-Type"] = kind
        if self.body is not None:
            size = len(self.body.encode("utf-8") if isinstance(self.body, str) else self.body)
            self.headers["Content-Length"] = str(size)
        elif self.method not in ("GET", "HEAD"):
            self.headers["Content-Length"] = "0"

    def __repr__(self):
        return f"<PreparedRequest [{self.method}]>"


class Response:
    """What came back."""

    def __init__(self):
        self.status_code = None
        self.reason = None
        self.url = None
        self.headers = CaseInsensitiveDict()
        self.encoding = None
        self.history = []
        self.request = None
        self.elapsed = _datetime.timedelta(0)
        self.cookies = {}
        self.content = b""

    @classmethod
    def _of(cls, answer, request):
        response = cls()
        response.status_code = answer["status"]
        response.reason = answer["reason"]
        response.url = answer["url"]
        for name, value in answer["headers"]:
            if name == "set-cookie":
                cookie, _, rest = _cookie(value)
                response.cookies[cookie] = rest
            if name in response.headers:
                value = f"{response.headers[name]}, {value}"
            response.headers["-".join(part.capitalize() for part in name.split("-"))] = value
        response.content = _base64.b64decode(answer["body"])
        response.elapsed = _datetime.timedelta(milliseconds=answer["elapsed_ms"])
        response.request = request
        response.encoding = _charset(response.headers.get("content-type"))
        for step in answer["history"]:
            before = cls()
            before.status_code, before.url, before.request = step["status"], step["url"], request
            response.history.append(before)
        return response

    @property
    def ok(self):
        return self.status_code < 400

    @property
    def is_redirect(self):
        return "location" in self.headers and self.status_code in (301, 302, 303, 307, 308)

    @property
    def is_permanent_redirect(self):
        return "location" in self.headers and self.status_code in (301, 308)

    @property
    def apparent_encoding(self):
        return "utf-8"

    @property
    def text(self):
        try:
            return self.content.decode(self.encoding or "utf-8", "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")

    def json(self, **kwargs):
        try:
            return _json.loads(self.content.decode("utf-8") if not self.encoding or self.encoding.lower() in ("utf-8", "utf8") else self.text, **kwargs)
        except (ValueError, UnicodeDecodeError) as error:
            raise JSONDecodeError(str(error), response=self, request=self.request) from None

    def raise_for_status(self):
        if 400 <= self.status_code < 600:
            side = "Client" if self.status_code < 500 else "Server"
            raise HTTPError(
                f"{self.status_code} {side} Error: {self.reason} for url: {self.url}", response=self, request=self.request
            )

    def iter_content(self, chunk_size=1, decode_unicode=False):
        data = self.text if decode_unicode else self.content
        size = chunk_size or len(data) or 1
        return (data[start : start + size] for start in range(0, len(data), size))

    def iter_lines(self, chunk_size=512, decode_unicode=False, delimiter=None):
        data = self.text if decode_unicode else self.content
        return iter(data.split(delimiter) if delimiter else data.splitlines())

    def close(self):
        pass

    def __bool__(self):
        return self.ok

    def __iter__(self):
        return self.iter_content(128)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def __repr__(self):
        return f"<Response [{self.status_code}]>"


def _cookie(header):
    """Name, separator and value of a ``Set-Cookie`` header."""
    name, separator, value = header.partition(";")[0].partition("=")
    return name.strip(), separator, value.strip()


def _charset(content_type):
    if not content_type:
        return None
    kind, *settings = content_type.split(";")
    for setting in settings:
        name, _, value = setting.strip().partition("=")
        if name.lower() == "charset" and value:
            return value.strip("'\" ")
    if "text" in kind:
        return "ISO-8859-1"
    return "utf-8" if "application/json" in kind else None
