"""Boundary: declared so that flows load; calls raise ``BoundaryError`` until this integration exists."""

from _symbot.hostcall import unavailable as _unavailable

from ..exceptions.boundary import BoundaryError as _BoundaryError

__all__ = ["get_group", "list_groups"]


def list_groups(scope_id="global", filter=None, recursive=False):
    raise _unavailable(_BoundaryError, "Boundary")


def get_group(group_id):
    raise _unavailable(_BoundaryError, "Boundary")
