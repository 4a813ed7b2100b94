import json
from uuid import UUID

from sym.sdk.request_permission import PermissionLevel, RequestPermission
from sym.sdk.user import UserRole, user_ids


def error_of(**given):
    try:
        RequestPermission(**given)
    except ValueError as error:
        return str(error)
    raise AssertionError(f"accepted {given}")


def test_levels():
    permission = RequestPermission(webapp_view="admin", approve_deny=PermissionLevel.ALL_USERS)
    assert permission.webapp_view is PermissionLevel.ADMIN
    assert permission.approve_deny is PermissionLevel.ALL_USERS
    assert permission.allow_self_approval is False


def test_lists_of_ids():
    one = "6a1c7be2-90f4-4d38-8b57-2f0e51c9d4a3"
    permission = RequestPermission(webapp_view="member", approve_deny=[one, UUID(int=5)])
    assert permission.approve_deny == [UUID(one), UUID(int=5)]


def test_bad_inputs():
    for value in (None, "", []):
        assert "Input cannot be empty" in error_of(webapp_view=value, approve_deny="admin"), value
    for value in (["alice@example.com"], [object()], [None]):
        text = error_of(webapp_view="admin", approve_deny=value)
        assert "Invalid input." in text and "user_ids()" in text, text
    for value in ("ADMIN", "nobody", ("admin",), {"admin"}, 5):
        assert "Must be a PermissionLevel or List[UUID]." in error_of(webapp_view=value, approve_deny="admin"), value
    assert "field required" in error_of(webapp_view="admin")
    assert "could not be parsed to a boolean" in error_of(webapp_view="admin", approve_deny="admin", allow_self_approval="perhaps")


def test_self_approval_text_is_parsed():
    make = lambda value: RequestPermission(webapp_view="admin", approve_deny="admin", allow_self_approval=value)
    assert make("false").allow_self_approval is False
    assert make("true").allow_self_approval is True
    assert make(1).allow_self_approval is True


def test_unknown_keywords_are_ignored_and_positional_refused():
    RequestPermission(webapp_view="admin", approve_deny="admin", other=1)
    try:
        RequestPermission("admin", "admin")
    except TypeError:
        pass
    else:
        raise AssertionError


def test_later_assignment_is_not_validated():
    permission = RequestPermission(webapp_view="admin", approve_deny="admin")
    permission.approve_deny = "whatever"
    assert permission.approve_deny == "whatever"


def test_json_and_dict():
    permission = RequestPermission(webapp_view="admin", approve_deny=[UUID(int=1)])
    assert permission.json() == (
        '{"webapp_view": "admin", "approve_deny": ["00000000-0000-0000-0000-000000000001"], "allow_self_approval": false}'
    )
    assert permission.dict()["approve_deny"] == [UUID(int=1)]
    assert permission.dict()["webapp_view"] is PermissionLevel.ADMIN
    assert RequestPermission.parse_raw(permission.json()) == permission
    assert RequestPermission.parse_obj(json.loads(permission.json())) == permission


def test_user_ids(event):
    ids = user_ids([event.user])
    assert ids == [event.user.id] and isinstance(ids[0], UUID)
    RequestPermission(webapp_view="admin", approve_deny=ids)
    assert "user_ids()" in error_of(webapp_view="admin", approve_deny=[event.user])


def test_roles():
    assert UserRole.ADMIN.permission_levels() == set(PermissionLevel)
    assert UserRole.MEMBER.permission_levels() == {PermissionLevel.MEMBER, PermissionLevel.ALL_USERS}
    assert UserRole.GUEST.permission_levels() == {PermissionLevel.ALL_USERS}


def test_words():
    assert [one.value for one in PermissionLevel] == ["admin", "member", "all_users"]
    assert [one.value for one in UserRole] == ["admin", "member", "guest"]
    assert PermissionLevel.ALL_USERS == "all_users" and UserRole.GUEST == "guest"
    assert RequestPermission(webapp_view="all_users", approve_deny="member").webapp_view is PermissionLevel.ALL_USERS


def test_both_fields_are_checked():
    for name in ("webapp_view", "approve_deny"):
        given = {"webapp_view": "admin", "approve_deny": "admin", name: "nobody"}
        assert f"{name}\n  Must be a PermissionLevel or List[UUID]." in error_of(**given)
    assert "2 validation errors for RequestPermission" in error_of()
    text = error_of(webapp_view="x", approve_deny=[], allow_self_approval="perhaps")
    assert text.startswith("3 validation errors for RequestPermission"), text
