NAMES = {
    "sym.sdk": "reducer hook prefetch slack pagerduty okta onelogin google github aws_lambda Event EventMeta Payload Channel Run Flow Template ApprovalTemplate User UserIdentity UserRole PermissionLevel RequestPermission RequestDestination RequestDestinationFallback SlackUser SlackUserGroup SlackChannelName SlackChannelID SymResource SRN AccessTarget FieldOption SymSDKError SymIntegrationError Environment",
    "sym.sdk.annotations": "hook reducer prefetch",
    "sym.sdk.errors": "SymSDKError SymIntegrationError",
    "sym.sdk.event": "Event EventMeta Payload Channel",
    "sym.sdk.exceptions": "SymException ExceptionWithHint SlackError OktaError PagerDutyError GitHubError GoogleError OneLoginError BoundaryError AptibleError HTTPError JiraError KnowBe4Error AWSError AWSLambdaError AWSIAMError AWSSSOError IdentityError CouldNotSaveError SDKError MissingArgument AccessStrategyError SymIntegrationError",
    "sym.sdk.exceptions.identity": "IdentityNotFound",
    "sym.sdk.exceptions.slack": "SlackError",
    "sym.sdk.exceptions.aws": "AWSLambdaError",
    "sym.sdk.field_option": "FieldOption",
    "sym.sdk.flow": "Flow Run Environment",
    "sym.sdk.forms": "FieldType FieldOption SlackUserSelection PromptField SymPromptForm",
    "sym.sdk.integrations": "aws_iam aws_lambda aws_sso boundary github google jira knowbe4 okta onelogin pagerduty slack store sym is_user_in_group get_user_info list_groups users_in_group channel invoke",
    "sym.sdk.integrations.slack": "channel user group fallback mention send_message send_thread_message get_user_info list_users is_user_in_group users_in_channel",
    "sym.sdk.integrations.sym": "get_or_create_user_by_email get_or_create_users_by_emails",
    "sym.sdk.integrations.store": "fetch put",
    "sym.sdk.integrations.pagerduty": "PagerDutyStatus PagerDutyUrgency is_on_call users_on_call users_for_schedule get_incidents has_incident",
    "sym.sdk.integrations.jira": "search_issues add_comment_to_issue create_issue",
    "sym.sdk.models": "Event FieldOption Flow SlackUser SRN SymResource AccessTarget User",
    "sym.sdk.notifications": "Notification",
    "sym.sdk.request_destination": "RequestDestination SlackRequestDestination SlackChannelID SlackChannelName SlackUser SlackUserGroup RequestDestinationFallback RequestForwardContext",
    "sym.sdk.request_permission": "PermissionLevel RequestPermission",
    "sym.sdk.resource": "SRN SymBaseResource SymResource InvalidSRNError InvalidSlugError InvalidVersionError MissingComponentError MultipleErrors TrailingSeparatorError",
    "sym.sdk.secret": "Secret SecretSource",
    "sym.sdk.strategies": "AccessStrategy Integration",
    "sym.sdk.strategies.access_strategy": "AccessStrategy",
    "sym.sdk.strategies.integration": "Integration",
    "sym.sdk.strategy": "Strategy",
    "sym.sdk.target": "AccessTarget",
    "sym.sdk.templates": "ApprovalTemplate ApprovalTemplateStep Template TemplateStep get_step_output",
    "sym.sdk.templates.approval": "ApprovalTemplate",
    "sym.sdk.templates.template": "Template",
    "sym.sdk.templates.step": "ApprovalTemplateStep",
    "sym.sdk.user": "User UserIdentity UserRole user_ids",
    "sym.sdk.utils": "persist_user_identity",
    "sym.sdk.utils.user": "persist_user_identity",
    "requests": "get post put patch delete head request Session exceptions RequestException HTTPError Timeout",
    "requests.exceptions": "RequestException HTTPError ConnectionError Timeout JSONDecodeError",
    "pydantic": "BaseModel Field validator ValidationError",
}


def test_every_module_has_its_names():
    missing = []
    for module, names in NAMES.items():
        for name in names.split():
            try:
                exec(f"from {module} import {name}", {"__builtins__": __builtins__})
            except ImportError as error:
                missing.append(f"{module}.{name}: {error}")
    assert not missing, missing


def test_forms_of_import():
    import sym.sdk.annotations
    import sym.sdk.integrations.slack as s
    from sym.sdk import integrations
    from sym.sdk.integrations import slack, pagerduty

    assert integrations.slack is slack is s
    assert sym.sdk.annotations.reducer


def test_star_names_of_integrations():
    from sym.sdk import integrations
    from sym.sdk.integrations import okta, slack

    assert integrations.is_user_in_group is slack.is_user_in_group
    assert integrations.get_user_info is slack.get_user_info
    assert integrations.list_groups is okta.list_groups
    assert integrations.users_in_group is okta.users_in_group
    assert not hasattr(integrations, "search_issues")


def test_what_sdk_does_not_export():
    import sym.sdk
    from sym.sdk.errors import SymIntegrationError

    for name in ("Notification", "AccessStrategy", "user_ids", "get_step_output"):
        assert not hasattr(sym.sdk, name), name
    assert sym.sdk.SymIntegrationError is SymIntegrationError


def test_other_services_raise_their_own_error():
    from sym.sdk.exceptions import AWSLambdaError, OktaError, PagerDutyError, SymException
    from sym.sdk.integrations import aws_lambda, okta, pagerduty

    for call, error_class in (
        (lambda: okta.is_user_in_group(None, group_id="g"), OktaError),
        (lambda: pagerduty.is_on_call(None, schedule_name="s"), PagerDutyError),
        (lambda: aws_lambda.invoke("arn"), AWSLambdaError),
    ):
        try:
            call()
        except SymException as error:
            assert type(error) is error_class
            assert error.error_code.endswith(":NOT_AVAILABLE"), error.error_code
        else:
            raise AssertionError("did not raise")


def test_decorators_return_the_function():
    from sym.sdk.annotations import hook, reducer

    def f():
        pass

    assert reducer(f) is f and hook(f) is f


def test_templates_describe_events():
    from sym.sdk.templates import ApprovalTemplate, ApprovalTemplateStep, get_step_output

    assert ApprovalTemplate.approve(reason="x") is not None
    assert ApprovalTemplateStep.ESCALATE == "escalate"
    assert get_step_output("escalate") == {} and get_step_output() == {}
    try:
        ApprovalTemplate.ignore("positional")
    except TypeError:
        pass
    else:
        raise AssertionError("keyword arguments only")
