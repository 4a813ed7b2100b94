import enum

from sym.sdk import exceptions as e
from sym.sdk.errors import SymIntegrationError as OldIntegrationError
from sym.sdk.integrations import (
    aws_iam,
    aws_lambda,
    aws_sso,
    boundary,
    github,
    google,
    jira,
    knowbe4,
    okta,
    onelogin,
    pagerduty,
    slack,
    store,
)
from sym.sdk.integrations import sym as people
from sym.sdk.request_destination import SlackChannelID, SlackUser
from sym.sdk.utils import persist_user_identity

# Module, exception, prefix of its code, and the functions with their parameters.
SERVICES = (
    (
        pagerduty,
        e.PagerDutyError,
        "PagerDuty",
        "is_on_call(user, *, escalation_policy_name=None, escalation_policy_id=None, schedule_name=None, schedule_id=None)",
        "users_on_call(*, escalation_policy_name=None, escalation_policy_id=None, schedule_name=None, schedule_id=None)",
        "users_for_schedule(*, schedule_name=None, schedule_id=None)",
        "get_incidents(*, assignees=None, service_ids=None, statuses=None, urgencies=None, since=None, until=None)",
        "has_incident(*, assignees=None, service_ids=None, statuses=None, urgencies=None, since=None, until=None)",
    ),
    (
        okta,
        e.OktaError,
        "Okta",
        "is_user_in_group(user, *, group_id)",
        "users_in_group(*, group_id)",
        "get_user_info(user)",
        "list_groups(*, name_filter=None, filter=None, expand=None, only_native_groups=True)",
    ),
    (
        google,
        e.GoogleError,
        "Google",
        "is_user_in_group(user, *, group_email)",
        "list_groups(domain=None)",
        "users_in_group(group_email, *, include_indirect_members=True)",
    ),
    (aws_iam, e.AWSIAMError, "AWSIAM", "is_user_in_group(user, *, group_name)"),
    (
        aws_sso,
        e.AWSSSOError,
        "AWSSSO",
        "is_user_in_group(user, *, group_name)",
        "list_groups()",
        "users_in_group(group_name)",
        "list_accounts(organizational_unit_id=None)",
    ),
    (aws_lambda, e.AWSLambdaError, "AWSLambda", "invoke(arn, payload=None)", "invoke_async(arn, payload=None)"),
    (github, e.GitHubError, "GitHub", "get_repo_collaborators(*, repo_name, roles=None)"),
    (
        onelogin,
        e.OneLoginError,
        "OneLogin",
        "list_roles(name_filter=None)",
        "get_user_info(user)",
        "users_in_role(role_id=None)",
        "is_user_in_role(user, *, role_id=None)",
    ),
    (
        boundary,
        e.BoundaryError,
        "Boundary",
        "list_groups(scope_id='global', filter=None, recursive=False)",
        "get_group(group_id)",
    ),
    (
        knowbe4,
        e.KnowBe4Error,
        "KnowBe4",
        "get_training_enrollments_for_user(user, store_purchase_id=None, campaign_id=None)",
        "is_user_in_group(user, group_id)",
    ),
    (
        jira,
        e.JiraError,
        "Jira",
        "search_issues(jql, fields=None, expand=None)",
        "add_comment_to_issue(issue_id_or_key, comment, expand=None)",
        "create_issue(title, project_key, issue_type_name, description=None, due_date=None, labels=None, "
        "parent_issue_id_or_key=None, priority_id=None, custom_fields=None)",
    ),
)


def signature(function):
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    defaults = dict(zip(positional[len(positional) - len(function.__defaults__ or ()) :], function.__defaults__ or ()))
    defaults.update(function.__kwdefaults__ or {})
    shown = [f"{name}={defaults[name]!r}" if name in defaults else name for name in positional]
    if keywords:
        shown += ["*", *(f"{name}={defaults[name]!r}" if name in defaults else name for name in keywords)]
    return f"{function.__name__}({', '.join(shown)})"


def raises(kind, call):
    try:
        value = call()
    except kind as error:
        assert type(error) is kind, type(error)
        return error
    raise AssertionError(f"returned {value!r}")


def test_functions_of_services_have_their_parameters_and_raise_their_own_error():
    for module, kind, prefix, *expected in SERVICES:
        names = [one.partition("(")[0] for one in expected]
        assert sorted(names) == [one for one in module.__all__ if not one.startswith("PagerDuty")], module.__name__
        for text in expected:
            function = getattr(module, text.partition("(")[0])
            assert signature(function) == text, signature(function)
            code = function.__code__
            arguments = ["x"] * (code.co_argcount - len(function.__defaults__ or ()))
            keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
            given = {name: "x" for name in keywords}
            if module is onelogin and "role_id" in text:
                given["role_id"] = "x"
            error = raises(kind, lambda: function(*arguments, **given))
            assert error.error_code == f"{prefix}:NOT_AVAILABLE", error.error_code
            assert isinstance(error, e.SymException)
            text = str(error)
            assert "is not available in this version" in text and f"\n\n*Hint:* Catch {kind.__name__}" in text, text
            service = {"AWSIAM": "AWS IAM", "AWSLambda": "AWS Lambda", "AWSSSO": "AWS IAM Identity Center"}.get(prefix, prefix)
            assert error.message == f"The {service} integration is not available in this version of symbot."


def test_onelogin_wants_a_role():
    for name, call in (
        ("users_in_role", lambda: onelogin.users_in_role()),
        ("is_user_in_role", lambda: onelogin.is_user_in_role("u")),
    ):
        error = raises(e.MissingArgument, call)
        assert error.error_code == "SymSDK:MISSING_ARGUMENT"
        assert f"Required argument 'role_id' is missing in the call of '{name}'." == str(error)


def test_pagerduty_words():
    assert [one.value for one in pagerduty.PagerDutyStatus] == ["triggered", "acknowledged", "resolved"]
    assert [one.name for one in pagerduty.PagerDutyStatus] == ["TRIGGERED", "ACKNOWLEDGED", "RESOLVED"]
    assert [one.value for one in pagerduty.PagerDutyUrgency] == ["low", "high"]
    assert pagerduty.PagerDutyUrgency.HIGH == "high"
    assert issubclass(pagerduty.PagerDutyStatus, (str, enum.Enum))


class Host:
    """Stands in for the host: remembers what it is asked, answers with what it was given."""

    def __init__(self, answer=None, error=None):
        self.answer, self.error, self.asked = answer, error, []

    def __call__(self, name, /, **arguments):
        self.asked.append((name, arguments))
        if self.error is not None:
            raise self.error
        return self.answer

    def __enter__(self):
        self.real = slack._hostcall.call
        slack._hostcall.call = self
        return self

    def __exit__(self, *error):
        slack._hostcall.call = self.real


def asked(call, answer=None):
    with Host(answer) as host:
        value = call()
    assert len(host.asked) == 1, host.asked
    return (value, *host.asked[0])


def test_slack_signatures():
    expected = (
        "channel(name, allow_self=False, timeout=None)",
        "user(identifier, allow_self=False, timeout=None)",
        "group(users, allow_self=False, timeout=None)",
        "mention(identifier)",
        "send_message(destination, message)",
        "send_thread_message(message)",
        "get_user_info(user)",
        "list_users(active_only=True)",
        "is_user_in_group(user, *, group_id)",
        "users_in_channel(channel)",
    )
    for text in expected:
        assert signature(getattr(slack, text.partition("(")[0])) == text
    assert slack.fallback.__kwdefaults__ == {"continue_on_delivery_failure": True, "continue_on_timeout": False}


def test_slack_messages(event):
    for destination, address in (
        (slack.channel("#a"), {"kind": "channel_name", "name": "#a"}),
        (slack.channel("C0123"), {"kind": "channel_id", "id": "C0123"}),
        ("#a", {"kind": "channel_name", "name": "#a"}),
        (SlackUser(user_id="U1"), {"kind": "slack_user", "slack_id": "U1"}),
        (slack.group(["U1", "U2"]), {"kind": "slack_group", "slack_ids": ["U1", "U2"]}),
        (
            event.user,
            {"kind": "user", "id": str(event.user.id), "slack_id": "UALICE", "email": "alice@example.com"},
        ),
    ):
        value, name, arguments = asked(lambda: slack.send_message(destination, "hello"))
        assert value is None and name == "slack.send_message"
        assert arguments == {"destination": address, "message": "hello"}, arguments
    error = raises(e.SlackError, lambda: slack.send_message(5, "hello"))
    assert error.error_code == "Slack:INVALID_DESTINATION" and "not int" in str(error)
    value, name, arguments = asked(lambda: slack.send_thread_message("hello"))
    assert (value, name, arguments) == (None, "slack.send_thread_message", {"message": "hello"})


def test_slack_look_ups(event):
    assert asked(lambda: slack.get_user_info(event.user), {"id": "UALICE"}) == (
        {"id": "UALICE"},
        "slack.get_user_info",
        {"slack_id": "UALICE"},
    )
    assert asked(lambda: slack.list_users(), [1]) == ([1], "slack.list_users", {"active_only": True})
    assert asked(lambda: slack.list_users(active_only=False), [])[2] == {"active_only": False}
    assert asked(lambda: slack.is_user_in_group("U1", group_id="S1"), True) == (
        True,
        "slack.is_user_in_group",
        {"slack_id": "U1", "group_id": "S1"},
    )
    bob = {"id": "b", "username": "bob@example.com", "email": "bob@example.com"}
    for channel, address in (
        ("#a", {"kind": "channel_name", "name": "#a"}),
        ("C0123", {"kind": "channel_id", "id": "C0123"}),
        (SlackChannelID(channel_id="C1"), {"kind": "channel_id", "id": "C1"}),
    ):
        users, name, arguments = asked(lambda: slack.users_in_channel(channel), [bob])
        assert name == "slack.users_in_channel" and arguments == {"channel": address}
        assert [one.username for one in users] == ["bob@example.com"]
    assert asked(lambda: slack.users_in_channel("#a"), [])[0] == []
    assert raises(e.SlackError, lambda: slack.users_in_channel(event.user)).error_code == "Slack:CHANNEL_NOT_FOUND"


def test_slack_users_that_cannot_be_found(event):
    for identifier in (None, 5, "nobody@example.com", "@nobody", "nobody"):
        assert raises(e.SlackError, lambda: slack.user(identifier)).error_code == "Slack:USER_NOT_FOUND", identifier
    assert asked(lambda: slack.user("@Bob B"), {"slack_id": "U7"})[1:] == ("users.by_mention", {"text": "@Bob B"})
    assert asked(lambda: slack.user("b@example.com"), {"slack_id": "U7"})[1:] == (
        "users.by_email",
        {"email": "b@example.com", "create": False},
    )
    assert raises(e.SlackError, lambda: asked(lambda: slack.user("b@example.com"), {"slack_id": None})).error_code == (
        "Slack:USER_NOT_FOUND"
    )
    bot = type(event.user)({"id": "x", "username": "robot", "type": "bot"})
    error = raises(e.SlackError, lambda: slack.user(bot))
    assert error.error_code == "Slack:USER_NOT_FOUND" and "robot" in str(error)
    away = type(event.user)({"id": "x", "username": "b@example.com", "email": "b@example.com"})
    assert asked(lambda: slack.user(away), {"slack_id": "U7"})[0] == SlackUser(user_id="U7")


def test_slack_destinations_keep_what_they_are_given():
    user = slack.user("U1", allow_self=True, timeout=3)
    assert (user.allow_self, user.timeout) == (True, 3)
    assert (slack.user("U1").allow_self, slack.user("U1").timeout) == (False, None)
    assert slack.user(SlackUser(user_id="U1")) == slack.user("U1")
    group = slack.group(["U1"], allow_self=True, timeout=3)
    assert (group.allow_self, group.timeout) == (True, 3)
    assert (slack.group(["U1"]).allow_self, slack.group(["U1"]).timeout) == (False, None)
    assert (slack.channel("#a").allow_self, slack.channel("#a").timeout) == (False, None)
    nowhere = slack.channel(None, allow_self=True, timeout=3)
    assert (nowhere.allow_self, nowhere.timeout) == (True, 3) and "no channel" in nowhere.reason
    from sym.sdk.forms import SlackUserSelection

    assert slack.user(SlackUserSelection(user_id="U5")).user_id == "U5"
    for many in ([], ["U1"] * 8):
        try:
            slack.group(many)
        except ValueError as error:
            assert "items" in str(error)
        else:
            raise AssertionError(many)


def test_store():
    assert asked(lambda: store.fetch("a.b"), 7) == (7, "store.fetch", {"path": "a.b"})
    assert asked(lambda: store.fetch("a.b"), None)[0] is None
    assert asked(lambda: store.put("a.b", {"c": [1]})) == (None, "store.put", {"path": "a.b", "value": {"c": [1]}})
    with Host(error=KeyError("a")):
        raises(KeyError, lambda: store.fetch("a.b"))


def test_users_by_email_fail_as_integration_errors(event):
    with Host(error=e.SlackError("UNAVAILABLE", "Slack does not answer")):
        error = raises(e.SymIntegrationError, lambda: people.get_or_create_user_by_email("bob@example.com"))
        assert error.error_code == "SymIntegration:USER_PROCESSING_ERROR" and "Slack does not answer" in str(error)
        assert not isinstance(error, OldIntegrationError)
    with Host(error=e.SymIntegrationError("LOOKUP_FAILED", "no")):
        error = raises(e.SymIntegrationError, lambda: people.get_or_create_user_by_email("bob@example.com"))
        assert error.error_code == "SymIntegration:LOOKUP_FAILED"
    _, name, arguments = asked(
        lambda: people.get_or_create_user_by_email("bob@example.com"), {"id": "b", "username": "bob@example.com"}
    )
    assert (name, arguments) == ("users.by_email", {"email": "bob@example.com", "create": True})
    for bad in (5, None, b"bob@example.com", "bob@example.com"):
        error = raises(e.SymIntegrationError, lambda: people.get_or_create_users_by_emails(bad))
        assert error.error_code == "SymIntegration:USER_PROCESSING_ERROR" and "Expected a list" in str(error)
    assert people.get_or_create_users_by_emails(()) == []
    assert raises(e.SymIntegrationError, lambda: people.get_or_create_user_by_email("bad")).error_code == (
        "SymIntegration:USER_PROCESSING_ERROR"
    )


def test_identities_are_stored():
    identity, name, arguments = asked(
        lambda: persist_user_identity(email="bob@example.com", service="okta", service_id="acme", user_id=5)
    )
    assert name == "identities.persist"
    assert arguments == {"email": "bob@example.com", "service": "okta", "service_id": "acme", "user_id": "5"}
    assert (identity.service, identity.service_id, identity.user_id) == ("okta", "acme", "5")
    assert str(identity) == repr(identity) == "Identity(okta: 5)"
    with Host(error=e.CouldNotSaveError("no")):
        error = raises(
            e.CouldNotSaveError,
            lambda: persist_user_identity(email="b", service="okta", service_id="acme", user_id="5"),
        )
        assert error.error_code == "Identity:COULD_NOT_SAVE"
    raises(TypeError, lambda: persist_user_identity("b", "okta", "acme", "5"))


def test_events_are_counted_by_the_host(event):
    import datetime

    since = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    count, name, arguments = asked(lambda: event.user.get_event_count("request"), 3)
    assert (count, name) == (3, "events.count")
    assert arguments == {
        "user_id": str(event.user.id),
        "event": "request",
        "since": None,
        "until": None,
        "filter_on": "flow",
        "include_errored": False,
    }
    from sym.sdk.templates import ApprovalTemplateStep

    _, _, arguments = asked(
        lambda: event.user.get_event_count(
            ApprovalTemplateStep.APPROVE,
            since=since,
            until=datetime.datetime(2026, 1, 3),
            filter_on="target",
            include_errored=True,
        ),
        3,
    )
    assert arguments["event"] == "approve" and type(arguments["event"]) is str
    assert arguments["since"] == "2026-01-02T03:04:05+00:00" and arguments["until"] == "2026-01-03T00:00:00+00:00"
    assert arguments["filter_on"] == "target" and arguments["include_errored"] is True
    assert asked(lambda: event.user.get_event_count("x", since=datetime.date(2026, 1, 2)), 0)[2]["since"] == (
        "2026-01-02T00:00:00+00:00"
    )
    raises(ValueError, lambda: event.user.get_event_count("request", filter_on="everything"))
    raises(TypeError, lambda: event.user.get_event_count("request", since="yesterday"))
