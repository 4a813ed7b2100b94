from sym.sdk.templates import ApprovalTemplate, ApprovalTemplateStep, Template, TemplateStep, get_step_output

STEPS = "prompt request request_forward request_expire approve deny escalate deescalate".split()


def test_steps():
    assert [one.value for one in ApprovalTemplateStep] == STEPS
    assert [one.name for one in ApprovalTemplateStep] == [one.upper() for one in STEPS]
    assert [(one.name, one.value) for one in TemplateStep] == [("IGNORE", "ignore")]
    assert ApprovalTemplateStep.APPROVE == "approve" and TemplateStep.IGNORE == "ignore"
    assert issubclass(ApprovalTemplate, Template)


def test_methods_describe_the_event_to_fire():
    for step in "prompt request approve deny escalate deescalate ignore".split():
        asked = getattr(ApprovalTemplate, step)(reason="why", number=5)
        assert asked.step == step and asked.fields == {"reason": "why", "number": 5}, step
        assert asked.target_srn is None and asked.duration is None
        assert getattr(ApprovalTemplate, step)().fields == {}
        assert repr(asked) == f"ApprovalTemplate.{step}(reason='why', number=5)"
        try:
            getattr(ApprovalTemplate, step)("x")
        except TypeError:
            continue
        raise AssertionError(f"{step} took a positional argument")
    for step in "request approve deny escalate".split():
        asked = getattr(ApprovalTemplate, step)(target_srn="org:access_target:t:a:latest", duration=60)
        assert (asked.target_srn, asked.duration, asked.fields) == ("org:access_target:t:a:latest", 60, {}), step
    assert ApprovalTemplate.deescalate(target_srn="t").target_srn == "t"
    assert ApprovalTemplate.ignore(message="no").fields == {"message": "no"}
    assert ApprovalTemplate.ignore(message=None).fields == {}


def test_there_are_no_other_methods():
    for name in ("revoke", "request_forward", "request_expire"):
        assert not hasattr(ApprovalTemplate, name), name


def test_step_output_is_empty_where_there_is_none():
    assert get_step_output() == {} and get_step_output("escalate") == {}
    assert get_step_output(ApprovalTemplateStep.ESCALATE) == {}
    assert get_step_output(step="deescalate") == {}
