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
