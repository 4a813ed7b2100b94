import datetime
import uuid

from sym.sdk.event import Channel, Event, Payload
from sym.sdk.flow import Flow, Run
from sym.sdk.templates import ApprovalTemplateStep
from sym.sdk.user import User, UserRole


def test_shape(event):
    assert isinstance(event, Event) and isinstance(event.payload, Payload) and isinstance(event.flow, Flow)
    assert isinstance(event.run, Run) and isinstance(event.channel, Channel) and isinstance(event.user, User)
    assert event.name == "request" and event.user == event.payload.user
    assert event.payload.timestamp == datetime.datetime(2026, 3, 1, 12, 30, tzinfo=datetime.timezone.utc)
    assert event.channel.type == "slack" and event.run.source_channel.identifier == "#general"
    assert event.flow.vars["request_channel"] == "#sym-requests"
    assert event.payload.fields.get("missing") is None
    assert event.fields is event.payload.fields
    assert event.meta is not None and event.template is not None


def test_actors(event):
    assert event.get_actor("request") == event.user
    assert event.get_actor(ApprovalTemplateStep.REQUEST) == event.user
    assert event.get_actor("approve") is None and event.get_context("request") is None
    assert event.actors["request"] == event.run.actors["request"]


def test_users(event):
    user = event.user
    assert isinstance(user.id, uuid.UUID) and user.email == user.username == "alice@example.com"
    assert user.type == "normal" and user.first_name == "alice" and user.last_name is None
    assert user.role is UserRole.MEMBER
    assert repr(user) == "User(alice@example.com)"
    assert "alice@example.com" in str(user) and "Identity(slack: UALICE)" in str(user)
    assert user.identity("slack").user_id == "UALICE" and user.identity("okta") is None
    assert len({user, event.get_actor("request")}) == 1


def test_predefined_names(event):
    assert user(email="bob@example.com").email == "bob@example.com"
    assert user(email="nobody@example.com").email == "nobody@example.com"
    assert user(id="test_id").id == "test_id"
    assert user_ids([event.user]) == [event.user.id]
    assert slack.channel("#a") and callable(persist_user_identity)
    try:
        user()
    except TypeError:
        return
    raise AssertionError


def test_users_by_email():
    from sym.sdk.exceptions import SymIntegrationError
    from sym.sdk.integrations.sym import get_or_create_user_by_email, get_or_create_users_by_emails

    assert get_or_create_user_by_email("bob@example.com").username == "bob@example.com"
    for bad in ("", "bob", "bob@", None, "a b@example.com"):
        try:
            get_or_create_user_by_email(bad)
        except SymIntegrationError:
            continue
        raise AssertionError(bad)
    assert [one.email for one in get_or_create_users_by_emails(["bob@example.com", "bad"])] == ["bob@example.com"]
    for call in (
        lambda: get_or_create_users_by_emails(["bad"], raise_on_error=True),
        lambda: get_or_create_users_by_emails("bob@example.com"),
    ):
        try:
            call()
        except SymIntegrationError:
            continue
        raise AssertionError


def test_flow_fields(event):
    field = event.flow.fields["urgency"]
    assert [one.value for one in field.original_allowed_values] == ["Normal", "Emergency"]
    assert event.flow.environment.integrations == {} and event.flow.strategy is None


def test_identities_and_roles(event):
    kind = type(event.user)
    data = {
        "id": "00000000-0000-0000-0000-000000000005",
        "username": "bob@example.com",
        "email": "bob@example.com",
        "role": "admin",
        "identities": [
            {"service": "okta", "service_id": "acme", "user_id": "o-1"},
            {"service": "okta", "service_id": "other", "user_id": "o-2"},
        ],
    }
    bob = kind(data)
    assert [one.user_id for one in bob.identities["okta"]] == ["o-1", "o-2"]
    assert bob.identity("okta").user_id == "o-1" and bob.identity("okta", "other").user_id == "o-2"
    assert bob.identity("okta", "none") is None and bob.identity("slack") is None
    assert str(bob) == (
        "User(email=bob@example.com, username=bob@example.com, identities=[Identity(okta: o-1), Identity(okta: o-2)])"
    )
    assert bob.role is UserRole.ADMIN and bob.type == "normal" and bob.id == uuid.UUID(int=5)
    assert bob == kind(dict(data, id="x")) and hash(bob) == hash("bob@example.com") and bob != event.user and bob != 5
    robot = kind({"id": "r", "username": "robot", "type": "bot"})
    assert robot.email is None and robot.username == "robot" and robot.type == "bot" and robot.role is UserRole.GUEST


def test_nothing_of_an_event_can_be_changed(event):
    for thing in (event, event.user, event.flow, event.run, event.channel, event.payload):
        for change in (lambda: setattr(thing, "name", 1), lambda: delattr(thing, "name")):
            try:
                change()
            except AttributeError as error:
                assert "cannot be changed" in str(error) and "'name'" in str(error) and "SDK" not in str(error)
            else:
                raise AssertionError(thing)


def test_the_rest_of_the_shape(event):
    assert event.srn.identifier == "request" and event.payload.srn == event.srn
    assert event.template.srn == "sym:template:approval:1.0.0"
    assert event.flow.label == "Approval" and event.flow.srn.version == "1.0.0" and event.flow.srn.model == "flow"
    assert event.run.srn.model == "run" and event.run.id and event.run.contexts == {}
    assert event.flow.environment.name == "default" and event.flow.environment.srn.model == "environment"
    assert event.user.srn.model == "user" and event.user.srn.type == "normal" and event.user.name == "alice"
    field = event.flow.fields["urgency"]
    assert field.type == "string" and field.required is True and field.current_allowed_values == field.original_allowed_values
    assert [one.label for one in field.current_allowed_values] == ["Normal", "Emergency"]


def test_values_of_fields(event):
    field_value = type(event.payload).fields.fget.__globals__["field_value"]
    person = {"id": "5", "username": "bob@example.com", "slack_id": "UBOB"}
    bob = field_value({"$user": person})
    assert isinstance(bob, User) and bob == "UBOB" and bob != "UX" and bob.email is None and bob.username == "bob@example.com"
    assert hash(bob) == hash("bob@example.com")
    assert field_value([{"$user": person}, 1, {"a": {"$user": person}}]) == [bob, 1, {"a": bob}]
    target = field_value({"$target": {"id": "t-1", "name": "admins", "label": "Admins", "type": "okta_group", "settings": {"g": "1"}}})
    assert (target.name, target.label, target.type, target.settings) == ("admins", "Admins", "okta_group", {"g": "1"})
    assert target.srn.slug == "admins" and target.srn.model == "access_target" and target.id == "t-1"


def test_annotations_mark_and_check():
    from sym.sdk.annotations import hook, prefetch, reducer

    def options(event):
        return [event]

    for marked in (prefetch("region")(options), prefetch(field_name="region")(options)):
        assert marked is not options and marked(5) == [5]
    try:
        prefetch(options)
    except TypeError as error:
        assert "@prefetch('field_name')" in str(error)
    else:
        raise AssertionError
    assert reducer(options) is options and hook(options) is options
