import json

from sym.sdk.integrations import slack
from sym.sdk.notifications import Notification
from sym.sdk.request_destination import (
    RequestDestination,
    RequestDestinationFallback,
    RequestForwardContext,
    SlackChannelID,
    SlackChannelName,
    SlackRequestDestination,
    SlackUser,
    SlackUserGroup,
)


def error_of(make):
    try:
        value = make()
    except ValueError as error:
        return str(error)
    raise AssertionError(f"accepted: {value!r}")


def test_channels():
    assert str(SlackChannelID(channel_id=" C1 ")) == "SlackChannelID 'C1'"
    assert str(SlackChannelName(channel_name=" #a ")) == "SlackChannelName '#a'"
    assert "channel_id must be non-empty" in error_of(lambda: SlackChannelID(channel_id=" "))
    assert "is not a valid Slack Channel ID" in error_of(lambda: SlackChannelID(channel_id="X1"))
    assert "channel_name must be non-empty" in error_of(lambda: SlackChannelName(channel_name=" "))
    assert SlackChannelID(channel_id="C1") == SlackChannelID(channel_id="C1")
    assert SlackChannelID(channel_id="C1") != SlackChannelID(channel_id="C2")


def test_users_and_groups():
    user = SlackUser(user_id="U1")
    assert str(user) == "SlackUser 'U1'" and user.mention() == "<@U1>"
    assert "user_id must be non-empty" in error_of(lambda: SlackUser(user_id=""))
    assert "is not a valid Slack User ID" in error_of(lambda: SlackUser(user_id="C1"))
    group = SlackUserGroup(users=[user, {"user_id": "U2"}])
    assert str(group) == "SlackUserGroup '['U1', 'U2']'"
    assert "at least 1 items" in error_of(lambda: SlackUserGroup(users=[]))
    assert "at most 7 items" in error_of(lambda: SlackUserGroup(users=[user] * 8))


def test_none_is_hashable_and_json_has_the_base_first():
    for one in (SlackUser(user_id="U1"), SlackChannelID(channel_id="C1")):
        try:
            hash(one)
        except TypeError:
            pass
        else:
            raise AssertionError("hashable")
    assert SlackUser(user_id="U1", other=1).json() == '{"allow_self": false, "timeout": null, "user_id": "U1"}'


def test_parsing_chooses_the_class_by_key():
    parse = RequestDestination.parse_obj
    assert type(parse({"channel_name": "a"})) is SlackChannelName
    assert type(parse({"channel_id": "C1"})) is SlackChannelID
    assert type(parse({"user_id": "U1"})) is SlackUser
    assert type(parse({"users": [{"user_id": "U1"}]})) is SlackUserGroup
    assert type(SlackUser.parse_raw('{"channel_id": "C1"}')) is SlackChannelID
    assert type(parse({"lookup_type": "x", "lookup_keys": [], "allow_self": True})) is RequestDestination
    text = error_of(lambda: parse({"lookup_type": "x", "allow_self": True}))
    assert "Failed to parse RequestDestination data: " in text and "Unknown type of RequestDestination" in text


def test_slack_channel_by_name_or_id():
    assert isinstance(slack.channel("#general"), SlackChannelName)
    assert isinstance(slack.channel("general"), SlackChannelName)
    for text in ("C0123", "D0123", "G0123"):
        assert isinstance(slack.channel(text), SlackChannelID), text
    assert isinstance(slack.channel("Cats"), SlackChannelName)
    assert slack.channel("#a", allow_self=True, timeout=5).timeout == 5
    assert isinstance(slack.channel(None), SlackRequestDestination)


def test_slack_users(event):
    assert slack.user("U0123").user_id == "U0123"
    assert slack.user("bob@example.com").user_id == "UBOB"
    assert slack.user("@carol").user_id == "UCAROL"
    assert slack.user("<@U77|bob>").user_id == "U77"
    assert slack.user(event.user).user_id == "UALICE"
    assert slack.mention("bob@example.com") == "<@UBOB>"
    assert [one.user_id for one in slack.group(["U1", event.user]).users] == ["U1", "UALICE"]


def test_notifications(event):
    channel, other = slack.channel("#a"), slack.channel("#b")
    notification = Notification(destinations=(channel, event.user), timeout="15")
    assert notification.timeout == 15 and notification.destinations == [channel, event.user]
    assert Notification(destinations=[channel]).timeout is None
    assert Notification(destinations=[channel], timeout=-3).timeout == -3
    assert "at least 1 items" in error_of(lambda: Notification(destinations=[]))
    assert "Only one SlackRequestDestination" in error_of(lambda: Notification(destinations=[channel, other]))
    assert "field required" in error_of(lambda: Notification())
    assert isinstance(Notification(destinations=[{"channel_name": "x"}]).destinations[0], SlackChannelName)
    try:
        Notification(destinations=["#general"])
    except ValueError as error:
        errors = error.errors()
        assert len(errors) == 2 and errors[1]["msg"] == "instance of User expected", errors
    else:
        raise AssertionError


def test_notification_json(event):
    data = json.loads(Notification(destinations=[event.user]).json())
    assert data["destinations"][0]["username"] == "alice@example.com"
    assert data["destinations"][0]["id"] == str(event.user.id)


def test_fallback_and_forward_context():
    fallback = slack.fallback(slack.channel("#a"), slack.user("U1"), continue_on_timeout=True)
    assert isinstance(fallback, RequestDestinationFallback)
    assert fallback.continue_on_delivery_failure is True and fallback.continue_on_timeout is True
    assert len(fallback.destinations) == 2
    context = RequestForwardContext(all_request_destinations=fallback.destinations, current_destination_index=0, next_destination_index=None)
    assert context.next_destination_index is None


def test_bases_and_defaults():
    for one in (
        SlackChannelID(channel_id="C1"),
        SlackChannelName(channel_name="a"),
        SlackUser(user_id="W1"),
        SlackUserGroup(users=[SlackUser(user_id="U1")]),
    ):
        assert isinstance(one, SlackRequestDestination) and isinstance(one, RequestDestination)
        assert one.allow_self is False and one.timeout is None
    assert RequestDestination().dict() == {"allow_self": False, "timeout": None}
    assert type(RequestDestination.parse_obj({"lookup_type": "x", "lookup_keys": ["a"], "allow_self": True})).__name__ == "RequestDestination"
    for kind, wrong in ((SlackChannelID, "c1"), (SlackUser, "u1")):
        name = "channel_id" if kind is SlackChannelID else "user_id"
        assert f"'{wrong}' is not a valid Slack" in error_of(lambda: kind(**{name: wrong}))
    for kind in (SlackChannelID, SlackChannelName, SlackUser, SlackUserGroup):
        assert "field required" in error_of(lambda: kind())
    for letter in "CDG":
        assert SlackChannelID(channel_id=f"{letter}1").channel_id == f"{letter}1"
    for letter in "UW":
        assert SlackUser(user_id=f" {letter}1 ").user_id == f"{letter}1"
    assert SlackChannelName(channel_name="#a").channel_name == "#a" and SlackChannelName(channel_name="a").channel_name == "a"
    fallback = RequestDestinationFallback(destinations=[])
    assert fallback.dict() == {"destinations": [], "continue_on_delivery_failure": True, "continue_on_timeout": False}
    assert isinstance(slack.fallback(slack.channel("#a"), continue_on_delivery_failure=False).continue_on_delivery_failure, bool)


def test_whatever_cannot_be_parsed_says_so():
    for bad in (5, None, [], {}, {"other": 1}, {"lookup_type": "x", "lookup_keys": []}, {"allow_self": True, "lookup_keys": [], "x": 1}):
        assert "Failed to parse RequestDestination data: " in error_of(lambda: RequestDestination.parse_obj(bad)), bad
    assert "Failed to parse RequestDestination data: " in error_of(lambda: SlackUser.parse_raw("{"))
    assert "Failed to parse RequestDestination data: " in error_of(lambda: SlackUser.parse_raw("[]"))
    for kind in (RequestDestination, SlackRequestDestination, SlackChannelID, SlackChannelName, SlackUser, SlackUserGroup):
        assert type(kind.parse_obj({"channel_name": "a", "channel_id": "C1", "user_id": "U1"})) is SlackChannelName
        assert type(kind.parse_raw('{"channel_id": "C1", "user_id": "U1"}')) is SlackChannelID
    assert "is not a valid Slack User ID" in error_of(lambda: RequestDestination.parse_obj({"user_id": "x"}))


def test_forward_contexts():
    data = {
        "all_request_destinations": [{"channel_name": "a"}, {"user_id": "U1"}],
        "current_destination_index": 0,
        "next_destination_index": 1,
    }
    context = RequestForwardContext.parse_obj(data)
    assert [type(one) for one in context.all_request_destinations] == [SlackChannelName, SlackUser]
    assert (context.current_destination_index, context.next_destination_index) == (0, 1)
    del data["next_destination_index"]
    assert RequestForwardContext(**data).next_destination_index is None
    assert "field required" in error_of(lambda: RequestForwardContext(all_request_destinations=[]))


def test_members_of_groups_keep_quiet_about_themselves():
    group = SlackUserGroup(users=[{"user_id": "U1", "allow_self": True}], allow_self=False)
    assert group.allow_self is False and group.users[0].user_id == "U1"
    assert group == SlackUserGroup.parse_raw(group.json())
    assert list(json.loads(group.json())) == ["allow_self", "timeout", "users"]
    assert list(json.loads(SlackChannelName(channel_name="a").json())) == ["allow_self", "timeout", "channel_name"]


def test_notifications_convert_and_refuse(event):
    for timeout, seconds in ((0, 0), ("-5", -5), (15.9, 15), (None, None)):
        assert Notification(destinations=[event.user], timeout=timeout).timeout == seconds
    for timeout in ("soon", "1.5", [], {}):
        assert "value is not a valid integer" in error_of(lambda: Notification(destinations=[event.user], timeout=timeout))
    assert len(Notification(destinations=[event.user] * 3 + [slack.channel("#a")]).destinations) == 4
    assert "value is not a valid list" in error_of(lambda: Notification(destinations=slack.channel("#a")))
    try:
        Notification([event.user])
    except TypeError:
        pass
    else:
        raise AssertionError("keyword arguments only")
    data = json.loads(Notification(destinations=[slack.channel("#a"), event.user], timeout=5).json())
    assert data["timeout"] == 5 and data["destinations"][0] == {"allow_self": False, "timeout": None, "channel_name": "#a"}
    assert event.user.to_dict() == {"id": str(event.user.id), "username": "alice@example.com"}
