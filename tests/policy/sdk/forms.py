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


def test_field_types():
    assert [one.value for one in FieldType] == "string int bool duration slack_user slack_user_list str_list int_list".split()
    assert FieldType("str_list") is FieldType.STR_LIST and FieldType.INT == "int"


def test_what_may_not_be_changed():
    def change(thing, name, value):
        setattr(thing, name, value)

    selection = SlackUserSelection(user_id="U1", username="bob")
    for name in ("user_id", "username"):
        assert "cannot be assigned" in error_of(lambda: change(selection, name, "x"), TypeError)
    field = PromptField(name="a", type="int", original_allowed_values=[FieldOption(value=1, label="one")])
    for name in ("name", "type", "original_allowed_values"):
        assert "cannot be assigned" in error_of(lambda: change(field, name, []), TypeError)
    assert field.original_allowed_values == [FieldOption(value=1, label="one")] and field.current_allowed_values == []


def test_options_of_55_characters_are_possible():
    option = FieldOption(value="x" * 55, label="y" * 55)
    assert len(option.value) == len(option.label) == 55
    assert FieldOption(value=["a"], label="l").value == ["a"]
    assert option.dict() == {"value": "x" * 55, "label": "y" * 55}


def test_people_in_fields():
    one = PromptField(name="a", type="slack_user", value={"user_id": "U1", "username": "bob"})
    assert one.value == SlackUserSelection(user_id="U1", username="bob") and type(one.value) is SlackUserSelection
    one.value = {"user_id": "U2"}
    assert type(one.value) is SlackUserSelection and one.value.user_id == "U2" and one.value.username is None
    one.value = SlackUserSelection(user_id="U3")
    assert one.value.user_id == "U3"
    many = PromptField(name="a", type="slack_user_list", value=[{"user_id": "U1"}, SlackUserSelection(user_id="U2")])
    assert [type(person) for person in many.value] == [SlackUserSelection] * 2
    assert [person.user_id for person in many.value] == ["U1", "U2"]
    # In fields of other types a dict is a dict.
    assert PromptField(name="a", type="string", value={"user_id": "U1"}).value == {"user_id": "U1"}
    assert PromptField(name="a", type="str_list", value=[{"user_id": "U1"}]).value == [{"user_id": "U1"}]
    assert PromptField(name="a", type="slack_user").value is None


def test_forms_can_be_assigned_to():
    form = SymPromptForm(fields={"a": PromptField(name="a", type="int")})
    assert form.flow_vars == {} and form.additional_header_text is None
    form.additional_header_text = "Careful"
    assert form.additional_header_text == "Careful"
    form.fields["a"].visible = False
    assert form.fields["a"].visible is False
    assert "field required" in error_of(lambda: SymPromptForm())
    assert "field required" in error_of(lambda: PromptField(name="a"))
    assert "not a valid enumeration member" in error_of(lambda: PromptField(name="a", type="text"))
    assert SymPromptForm.parse_raw(form.json()) == form
