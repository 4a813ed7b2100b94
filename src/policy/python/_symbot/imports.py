"""Which modules an implementation file may import.

A friendly answer, not the boundary: the boundary is the worker process (no files, no network, no other process).
"""

import builtins
import sys

import _symbot_host

ALLOWED = frozenset(
    """
    __future__ abc ast base64 binascii bisect calendar cmath collections contextlib copy csv dataclasses datetime
    decimal difflib enum fnmatch fractions functools graphlib hashlib heapq hmac html inspect io ipaddress itertools
    json keyword logging math numbers operator pprint pydantic random re reprlib requests secrets statistics string
    struct sym textwrap time traceback types typing unicodedata urllib uuid warnings weakref zlib zoneinfo
    """.split()
)
# What native functions import while an implementation runs (`strptime`, long integers, copying).
_INTERNAL = frozenset(["_strptime", "_pylong", "_pydatetime", "_pydecimal", "codecs", "copyreg", "encodings", "linecache"])
_REFUSED_SUBMODULES = frozenset(["urllib.request", "urllib.robotparser", "logging.handlers", "logging.config"])

_real_import = builtins.__import__
_modules = sys.modules
extra_roots = set()


def guarded_import(name, globals=None, locals=None, fromlist=(), level=0):
    root = name.partition(".")[0]
    if level == 0 and (
        root not in ALLOWED and root not in _INTERNAL and root not in extra_roots or name in _REFUSED_SUBMODULES
    ):
        raise ImportError(
            f"'{name}' cannot be imported in an implementation file. "
            "Available are sym.sdk, requests, json, datetime and other pure modules of the standard library.",
            name=name,
        )
    if level == 0 and name not in _modules and root not in extra_roots:
        _symbot_host.load(name)
    return _real_import(name, globals, locals, fromlist, level)
