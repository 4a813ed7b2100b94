from sym.sdk.forms import FieldOption, FieldType, PromptField, SlackUserSelection, SymPromptForm


def error_of(make, kind=ValueError):
    try:
        value = make()
    except kind as error:
        return str(error)
    raise AssertionError(f"accepted: {value!r}")


def test_options():
    assert FieldOption(value=5, label=7).label == "7"
    assert "at most 55 characters" in error_of(lambda: FieldOption(value="x", label="y" * 56))
    assert "exceeds the max length of 55 characters" in error_of(lambda: FieldOption(value="x" * 56, label="y"))
    assert "value must be non-empty" in error_of(lambda: FieldOption(value=None, label="y"))
    assert FieldOption(label="y").value is None
    error_of(lambda: FieldOption("x", "y"), TypeError)


def test_user_selection_is_immutable():
    selection = SlackUserSelection(user_id="U1")
    assert selection.username is None

    def change():
        selection.user_id = "U2"

    assert "cannot be assigned" in error_of(change, TypeError)


def test_prompt_fields():
    field = PromptField(name="urgency", type="string", current_allowed_values=[{"value": "a", "label": "A"}])
    assert field.type is FieldType.STRING and field.required is True and field.visible is True and field.value is None
    assert field.current_allowed_values == [FieldOption(value="a", label="A")]

    def rename():
        field.name = "other"

    assert "cannot be assigned" in error_of(rename, TypeError)

    def unknown():
        field.colour = "red"

    assert "object has no field" in error_of(unknown)

    def plain_strings():
        field.current_allowed_values = ["a"]

    error_of(plain_strings)

    def not_bool():
        field.required = "perhaps"

    error_of(not_bool)
    field.value, field.label, field.required, field.visible = "a", "Label", False, False
    field.current_allowed_values = [FieldOption(value=1, label="one")]


def test_forms_parse_and_keep_order():
    form = SymPromptForm.parse_obj(
        {"fields": {"b": {"name": "b", "type": "int"}, "a": {"name": "a", "type": "slack_user"}}, "flow_vars": {"k": "v"}}
    )
    assert list(form.fields) == ["b", "a"]
    assert isinstance(form.fields["a"], PromptField)
    assert form.additional_header_text is None and form.flow_vars == {"k": "v"}
    form.fields["b"].value = 3
    assert form.fields["b"].value == 3
