from sym.sdk import exceptions as e
from sym.sdk.errors import SymIntegrationError, SymSDKError
from sym.sdk.exceptions.identity import IdentityNotFound


def test_codes():
    for cls, prefix in (
        (e.SlackError, "Slack"),
        (e.OktaError, "Okta"),
        (e.PagerDutyError, "PagerDuty"),
        (e.GitHubError, "GitHub"),
        (e.GoogleError, "Google"),
        (e.OneLoginError, "OneLogin"),
        (e.BoundaryError, "Boundary"),
        (e.AptibleError, "Aptible"),
        (e.HTTPError, "HTTP"),
        (e.JiraError, "Jira"),
        (e.KnowBe4Error, "KnowBe4"),
        (e.AWSError, "AWS"),
        (e.AWSLambdaError, "AWSLambda"),
        (e.AWSIAMError, "AWSIAM"),
        (e.AWSSSOError, "AWSSSO"),
        (e.IdentityError, "Identity"),
        (e.SDKError, "SymSDK"),
        (e.AccessStrategyError, "AccessStrategy"),
        (e.SymIntegrationError, "SymIntegration"),
    ):
        error = cls("NAME", "the message")
        assert error.error_code == f"{prefix}:NAME", error.error_code
        assert str(error) == "the message" and error.message == "the message"
        assert isinstance(error, e.SymException)
        assert error.to_dict() == {"error": True, "message": "the message", "code": error.error_code}
    assert issubclass(e.AWSSSOError, e.AWSError)
    assert e.SlackError("N", "m", error_type="Other").error_code == "Other:N"


def test_special_constructors():
    assert e.CouldNotSaveError("m").error_code == "Identity:COULD_NOT_SAVE"
    missing = e.MissingArgument("role_id", "users_in_role")
    assert missing.error_code == "SymSDK:MISSING_ARGUMENT" and "Required argument" in str(missing)
    error = IdentityNotFound("a@example.com", "okta-1")
    assert error.error_code == "Identity:NOT_FOUND"
    assert "a@example.com" in str(error) and "okta-1" in str(error) and "\n\n*Hint:* " in str(error)
    assert not hasattr(e, "IdentityNotFound")


def test_hint_is_abstract():
    try:
        class Incomplete(e.ExceptionWithHint):
            pass

        Incomplete()
    except TypeError:
        return
    raise AssertionError


def test_older_family():
    error = SymSDKError("It broke.", "Fix it.", "https://example.com")
    assert str(error) == "It broke.\n\nHint: Fix it.\n\nFor more details, see: https://example.com."
    assert error.format_slack() == "It broke.\n\n*Hint:* Fix it.\n\n*For more details, see:* https://example.com."
    default = SymIntegrationError()
    assert "An error occurred." in str(default) and "Please contact support." in str(default)
    filled = SymIntegrationError("Group {group} in {place}", params={"group": "g"})
    assert "Group g in {place}" in str(filled)
    assert e.SymIntegrationError is not SymIntegrationError
