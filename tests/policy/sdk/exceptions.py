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


def test_hints_are_shown_whichever_base_comes_first():
    class First(e.ExceptionWithHint, e.SlackError):
        hint = "Do it."

    class Second(e.SlackError, e.ExceptionWithHint):
        @property
        def hint(self):
            return "Do it."

    for kind in (First, Second):
        error = kind("NAME", "It broke.")
        assert str(error) == "It broke.\n\n*Hint:* Do it.", str(error)
        assert error.error_code == "Slack:NAME" and error.to_dict()["message"] == "It broke."


def test_the_missing_identity_points_to_the_command_line():
    error = IdentityNotFound("a@example.com", "okta-1")
    assert "symbot users" in error.hint and str(error) == f"{error.message}\n\n*Hint:* {error.hint}"
    assert isinstance(error, e.IdentityError) and isinstance(error, e.ExceptionWithHint)


def test_constructors_take_what_is_documented():
    error = e.SymException("Type", "NAME", "text")
    assert (error.error_code, error.message, str(error)) == ("Type:NAME", "text", "text")
    assert e.SymException(error_type="T", name="N", message="m").error_code == "T:N"
    for cls in (e.OktaError, e.AWSError, e.IdentityError, e.SDKError, e.AccessStrategyError, e.SymIntegrationError):
        assert cls("N", "m", error_type="Other").error_code == "Other:N", cls
    for cls in (e.JiraError, e.KnowBe4Error, e.AWSLambdaError, e.AWSIAMError, e.AWSSSOError):
        try:
            cls("N", "m", error_type="Other")
        except TypeError:
            continue
        raise AssertionError(cls)
    for cls in (e.AWSLambdaError, e.AWSIAMError, e.AWSSSOError):
        assert issubclass(cls, e.AWSError)
    assert issubclass(e.CouldNotSaveError, e.IdentityError) and issubclass(e.MissingArgument, e.SDKError)


def test_older_family_without_hint_or_link():
    assert str(SymSDKError("It broke.", None, None)) == "It broke."
    plain = SymSDKError("It broke.")
    assert (plain.message, plain.hint, plain.doc_url) == ("It broke.", None, None)
    error = SymIntegrationError("m", "h", "https://{host}", error_code="c", params={"host": "example.com"})
    assert (error.error_code, error.params, error.doc_url) == ("c", {"host": "example.com"}, "https://example.com")
    assert SymIntegrationError().error_code is None and SymIntegrationError().doc_url is None
    assert str(SymIntegrationError("m", "h {x}", params={"y": 1})) == "m\n\nHint: h {x}"
    assert issubclass(SymIntegrationError, SymSDKError)
