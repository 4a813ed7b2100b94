"""Which modules an implementation file may import.

A friendly answer, not the boundary: the boundary is the worker process (no files, no network, no other process).
"""

import builtins
import sys

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
    return _real_import(name, globals, locals, fromlist, level)


# What comes with a package: loaded when a file names the package, so that it need not be loaded anew in each call.
_SUBMODULES = {
    "html": ("html.entities", "html.parser"),
    "requests": ("urllib.parse", "_symbot.codec_cache"),
    "urllib": ("urllib.parse",),
    "warnings": ("linecache", "tokenize"),
}
# What a function or class of a module that is loaded already loads itself when it is first used, by its name.
_LOADED_BY = {
    "strptime": "_strptime",
    **dict.fromkeys(
        ("BaseModel", "ForwardRef", "NamedTuple", "Protocol", "TypedDict", "get_type_hints", "singledispatch", "__annotations__"),
        "annotationlib",
    ),
}
_CODECS = frozenset(("utf16", "utf16le", "utf16be", "utf32", "utf32le", "utf32be", "cp1252", "windows1252"))


def _is_codec(constant):
    if isinstance(constant, tuple):
        return any(_is_codec(item) for item in constant)
    return isinstance(constant, str) and constant.lower().replace("-", "").replace("_", "") in _CODECS


def imports_of(code):
    """The modules that a code object may import and that are not loaded yet. More than it imports does no harm."""
    found, wanted = set(), []
    todo = [code]
    while todo:
        one = todo.pop()
        found.update(one.co_names)
        todo.extend(constant for constant in one.co_consts if isinstance(constant, type(code)))
        if any(_is_codec(constant) for constant in one.co_consts):
            wanted.append("_symbot.codec_cache")
    for name in sorted(found):
        root = name.partition(".")[0]
        if root in ALLOWED and name not in _REFUSED_SUBMODULES:
            wanted.append(name)
            wanted.extend(_SUBMODULES.get(root, ()))
        if name in _LOADED_BY:
            wanted.append(_LOADED_BY[name])
    return [name for name in wanted if name not in _modules]
