"""Sessions: settings shared by several requests, and the one place that asks the host."""

import base64 as _base64

import _symbot_host

from . import exceptions as _exceptions
from .models import PreparedRequest, Request, Response
from .structures import CaseInsensitiveDict

__all__ = ["Session"]


def _seconds(timeout):
    """Seconds for everything, of a number or of a pair of connecting and reading."""
    parts = timeout if isinstance(timeout, tuple) else (timeout,)
    if any(part is None for part in parts):
        return None
    total = sum(parts)
    if total <= 0:
        raise ValueError(f"Attempted to set a timeout to {timeout}, but the timeout cannot be set to a value less than or equal to 0.")
    return float(total)


class Session:
    """Headers, parameters, credentials and cookies for several requests."""

    def __init__(self):
        self.headers = CaseInsensitiveDict({"User-Agent": "symbot", "Accept": "*/*"})
        self.params = {}
        self.auth = None
        self.cookies = {}
        self.verify = True
        self.cert = None
        self.proxies = {}
        self.hooks = {}
        self.stream = False
        self.trust_env = False
        self.max_redirects = 10
        self._received = {}

    def prepare_request(self, request):
        prepared = PreparedRequest()
        headers = CaseInsensitiveDict(self.headers.items())
        headers.update(request.headers or {})
        params = request.params
        if self.params and not isinstance(params, (str, bytes)):
            merged = dict(self.params)
            merged.update(params or {})
            params = merged
        cookies = {**self._received.get(_origin(request.url), {}), **self.cookies, **dict(request.cookies or {})}
        prepared.prepare(
            request.method,
            request.url,
            headers,
            request.files,
            request.data,
            params,
            request.auth or self.auth,
            cookies,
            None,
            request.json,
        )
        return prepared

    def request(
        self,
        method,
        url,
        params=None,
        data=None,
        headers=None,
        cookies=None,
        files=None,
        auth=None,
        timeout=None,
        allow_redirects=True,
        proxies=None,
        hooks=None,
        stream=None,
        verify=None,
        cert=None,
        json=None,
    ):
        if cert or self.cert:
            raise _exceptions.RequestException("cert= is not available in implementation files")
        asked = Request(method, url, headers, files, data, params, auth, cookies, None, json)
        return self.send(self.prepare_request(asked), timeout=timeout, allow_redirects=allow_redirects)

    def send(self, request, timeout=None, allow_redirects=True, **ignored):
        body = request.body
        if isinstance(body, str):
            body = body.encode("utf-8")
        done, answer = _symbot_host.call(
            "http.request",
            {
                "method": request.method,
                "url": request.url,
                "headers": [[str(name), str(value)] for name, value in request.headers.items()],
                "body": None if body is None else _base64.b64encode(body).decode("ascii"),
                "timeout": None if timeout is None else _seconds(timeout),
                "redirects": bool(allow_redirects),
            },
        )
        if not done:
            name, _, message = answer
            cls = getattr(_exceptions, name, None)
            if not (isinstance(cls, type) and issubclass(cls, _exceptions.RequestException)):
                cls = _exceptions.ConnectionError
            raise cls(message, request=request)
        response = Response._of(answer, request)
        if response.cookies:
            self._received.setdefault(_origin(response.url), {}).update(response.cookies)
        return response

    def get(self, url, **kwargs):
        return self.request("GET", url, **kwargs)

    def options(self, url, **kwargs):
        return self.request("OPTIONS", url, **kwargs)

    def head(self, url, **kwargs):
        kwargs.setdefault("allow_redirects", False)
        return self.request("HEAD", url, **kwargs)

    def post(self, url, data=None, json=None, **kwargs):
        return self.request("POST", url, data=data, json=json, **kwargs)

    def put(self, url, data=None, **kwargs):
        return self.request("PUT", url, data=data, **kwargs)

    def patch(self, url, data=None, **kwargs):
        return self.request("PATCH", url, data=data, **kwargs)

    def delete(self, url, **kwargs):
        return self.request("DELETE", url, **kwargs)

    def mount(self, prefix, adapter):
        pass

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def _origin(url):
    from urllib.parse import urlsplit

    parts = urlsplit(str(url))
    return parts.scheme, parts.netloc.rpartition("@")[2]
