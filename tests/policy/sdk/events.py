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
