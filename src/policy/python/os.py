"""The part of ``os`` that pure modules of the standard library need at import: there are no files, no processes and no
environment here."""

import sys as _sys

import _symbot_host
import posixpath as path

_sys.modules["os.path"] = path

name = "posix"
linesep = "\n"
sep = "/"
altsep = None
extsep = "."
pathsep = ":"
curdir = "."
pardir = ".."
defpath = ""
devnull = "/dev/null"
environ = {}
error = OSError


def getenv(key, default=None):
    return default


def getcwd():
    return "/"


def getpid():
    return 0


def fspath(path):
    if isinstance(path, (str, bytes)):
        return path
    return type(path).__fspath__(path)


def fsencode(filename):
    filename = fspath(filename)
    return filename.encode("utf-8", "surrogateescape") if isinstance(filename, str) else filename


def fsdecode(filename):
    filename = fspath(filename)
    return filename.decode("utf-8", "surrogateescape") if isinstance(filename, bytes) else filename


def urandom(size):
    return _symbot_host.random_bytes(size)


def _missing(*args, **kwargs):
    raise PermissionError(1, "files, processes and devices are not available to implementation files")


stat = lstat = readlink = listdir = open = fstat = read = write = close = scandir = remove = unlink = _missing


class PathLike:
    """Base of path-like objects."""

    @classmethod
    def __subclasshook__(cls, subclass):
        return hasattr(subclass, "__fspath__")


def cpu_count():
    return 1


def register_at_fork(**callbacks):
    pass
