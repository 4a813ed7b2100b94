"""What pydantic 1.10 answers to the same input was looked up by running both."""

import datetime
import decimal
import enum
from typing import Any, Callable, ClassVar, Dict, List, Literal, Optional, Sequence, Type, Union

from pydantic import BaseModel, Extra, Field, ValidationError, root_validator, validator

UTC = datetime.timezone.utc


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Inner(BaseModel):
    size: int = 1


class Tree(BaseModel):
    children: List["Tree"] = []


def of(annotation, value):
    model = type(BaseModel)("Model", (BaseModel,), {"__annotations__": {"x": annotation}, "__module__": __name__})
    try:
        return model(x=value).x
    except ValidationError as error:
        assert error.errors()[0]["loc"][0] == "x"
        return error.errors()[0]["msg"]


def test_dates_and_times():
    moment = datetime.datetime(2020, 1, 1, 10, 30, 5, 250_000, tzinfo=UTC)
    for value, expected in (
        ("2020-01-01T10:30:05.25Z", moment),
        ("2020-01-01 10:30:05.250000+00:00", moment),
        (b"2020-01-01T12:30:05.25+0200", moment),
        ("2020-01-01T10:30", datetime.datetime(2020, 1, 1, 10, 30)),
        (0, datetime.datetime(1970, 1, 1, tzinfo=UTC)),
        ("1577836800", datetime.datetime(2020, 1, 1, tzinfo=UTC)),
        (1577836800000, datetime.datetime(2020, 1, 1, tzinfo=UTC)),
        (moment, moment),
        ("2020-13-01T10:30", "invalid datetime format"),
        ("yesterday", "invalid datetime format"),
        ([], "invalid type; expected datetime, string, bytes, int or float"),
    ):
        assert of(datetime.datetime, value) == expected, value
    for value, expected in (
        ("2020-01-31", datetime.date(2020, 1, 31)),
        (moment, datetime.date(2020, 1, 1)),
        (86400, datetime.date(1970, 1, 2)),
        ("2020-02-31", "invalid date format"),
        ("2020-01-01T10:30", "invalid date format"),
    ):
        assert of(datetime.date, value) == expected, value
    for value, expected in (
        ("12:30", datetime.time(12, 30)),
        ("12:30:05.5+01:30", datetime.time(12, 30, 5, 500_000, tzinfo=datetime.timezone(datetime.timedelta(minutes=90)))),
        (90, datetime.time(0, 1, 30)),
        (86400, "invalid time format"),
        ("25:00", "invalid time format"),
    ):
        assert of(datetime.time, value) == expected, value
    for value, expected in (
        (90, datetime.timedelta(seconds=90)),
        (1.5, datetime.timedelta(seconds=1.5)),
        ("00:30:00", datetime.timedelta(minutes=30)),
        ("3 days, 1:00:00.5", datetime.timedelta(days=3, hours=1, milliseconds=500)),
        ("-1:30", datetime.timedelta(minutes=-1, seconds=30)),
        ("P1DT2H", datetime.timedelta(days=1, hours=2)),
        ("-PT5M", datetime.timedelta(minutes=-5)),
        ("soon", "invalid duration format"),
    ):
        assert of(datetime.timedelta, value) == expected, value


def test_other_kinds():
    assert of(decimal.Decimal, " 1.50 ") == decimal.Decimal("1.50") and of(decimal.Decimal, 3) == 3
    assert of(decimal.Decimal, "x") == of(decimal.Decimal, "nan") == "value is not a valid decimal"
    assert of(bytes, "ab") == b"ab" and of(bytes, 5) == b"5" and of(bytes, []) == "byte type expected"
    assert of(Size, "2") is Size.LARGE and of(Size, "x") == "value is not a valid integer"
    assert of(Size, 3).startswith("value is not a valid enumeration member; permitted: 1, 2")
    assert of(Sequence[int], ("1", 2)) == (1, 2) and of(Sequence[int], ["1"]) == [1]
    assert of(Sequence[int], "12") == "value is not a valid sequence"
    assert of(Literal["a", 1], True) == 1 and of(Literal["a", 1], "b") == "unexpected value; permitted: 'a', 1"
    assert of(Type[Inner], Inner) is Inner and of(Type[Inner], int) == "subclass of Inner expected"
    assert of(Callable, len) is len and of(Callable, 5) == "5 is not callable"
    assert of(List, (1, "a")) == [1, "a"] and of(Dict, [("a", 1)]) == {"a": 1}
    assert of(Inner, []) == Inner() and of(Inner, [("size", "4")]) == Inner(size=4) and of(Inner, 5) == "value is not a valid dict"
    assert of(Tree, {"children": [{}, {"children": [{}]}]}).children[1].children == [Tree()]


def test_required_and_optional():
    class Model(BaseModel):
        anything: Any
        optional: Optional[int]
        either: Union[int, None] = ...
        given: Optional[int] = Field(...)
        plain: int = None
        bare = 5
        words = "w"
        KIND: ClassVar[str] = "kind"

    try:
        Model()
    except ValidationError as error:
        assert [one["loc"] for one in error.errors()] == [("either",), ("given",)]
    else:
        raise AssertionError
    model = Model(either=None, given=None, bare="7")
    assert (model.anything, model.optional, model.plain, model.bare, model.words) == (None, None, None, 7, "w")
    assert list(Model.__fields__) == ["anything", "optional", "either", "given", "plain", "bare", "words"]
    assert Model.KIND == "kind"


def test_constraints():
    class Model(BaseModel):
        even: int = Field(2, multiple_of=2)
        different: List[int] = Field([], unique_items=True)
        fixed: str = Field("x", const=True)
        text: str = "abc"

        class Config:
            anystr_strip_whitespace = True
            min_anystr_length = 2
            max_anystr_length = 4

    def wrong(**given):
        try:
            Model(**given)
        except ValidationError as error:
            return error.errors()[0]["msg"]
        raise AssertionError(given)

    assert wrong(even=3) == "ensure this value is a multiple of 2"
    assert wrong(different=[1, 2, 1]) == "the list has duplicated items"
    assert wrong(text=" a ") == "ensure this value has at least 2 characters"
    assert wrong(text="abcde") == "ensure this value has at most 4 characters"
    assert Model(text=" ab ").text == "ab"


def test_parts_can_be_chosen():
    class Outer(BaseModel):
        inner: Inner = Inner()
        many: List[Inner] = [Inner(), Inner(size=2)]

    whole = Outer()
    assert whole.dict(include={"inner"}) == {"inner": {"size": 1}}
    assert whole.dict(exclude={"many": {0: ..., 1: {"size"}}}) == {"inner": {"size": 1}, "many": [{}]}
    assert whole.dict(include={"many": {"__all__": {"size"}}}) == {"many": [{"size": 1}, {"size": 2}]}
    assert whole.copy(exclude={"many"}).dict() == {"inner": {"size": 1}}
    deep = whole.copy(deep=True)
    assert deep == whole and deep.inner is not whole.inner and whole.copy().inner is whole.inner
    # A model that is given as a value is copied.
    inner = Inner(size=5)
    assert Outer(inner=inner).inner == inner and Outer(inner=inner).inner is not inner


def test_roots_and_configurations():
    class Numbers(BaseModel):
        __root__: List[int]

    assert Numbers.parse_obj(["1", 2]).__root__ == [1, 2] and Numbers(__root__=[3]).json() == "[3]"
    assert Numbers.parse_raw("[4]").dict() == {"__root__": [4]}

    class Frozen(BaseModel):
        a: int

        class Config:
            frozen = True
            extra = Extra.forbid

    assert hash(Frozen(a=1)) == hash(Frozen(a=1)) and len({Frozen(a=1), Frozen(a=1)}) == 1
    for wrong, kind in ((lambda: Frozen(a=1, b=2), ValidationError), (lambda: setattr(Frozen(a=1), "a", 2), TypeError)):
        try:
            wrong()
        except kind:
            continue
        raise AssertionError

    class Open(BaseModel):
        a: int = 1

        class Config:
            extra = Extra.allow

    one = Open(b=2)
    one.c = 3
    assert one.dict() == {"a": 1, "b": 2, "c": 3}


def test_validators_see_what_they_ask_for():
    seen = []

    class Model(BaseModel):
        a: int
        many: List[int] = []

        @validator("a")
        def first(cls, value, values, field, config):
            seen.append((dict(values), field.name, config is cls.__config__))
            return value

        @validator("many", each_item=True)
        def small(cls, value):
            assert value < 10, "too large"
            return value + 1

        @root_validator(pre=True)
        def before(cls, values):
            return {"a": 1, **values}

        @root_validator(skip_on_failure=True)
        def after(cls, values):
            seen.append("after")
            return values

    assert Model(many=["1", 2]).many == [2, 3] and seen == [({}, "a", True), "after"]
    seen.clear()
    try:
        Model(a="x", many=[1, 20, 30])
    except ValidationError as error:
        assert [one["loc"] for one in error.errors()] == [("a",), ("many", 1), ("many", 2)]
        assert error.errors()[1] == {"loc": ("many", 1), "msg": "too large", "type": "assertion_error"}
        assert repr(error).startswith("ValidationError(model='Model', errors=[") and error.model is Model
    else:
        raise AssertionError
    assert seen == []
    try:

        class Wrong(BaseModel):
            a: int

            @validator("b")
            def of_nothing(cls, value):
                return value

    except RuntimeError as error:
        assert "Validators defined with incorrect fields: of_nothing" in str(error)
    else:
        raise AssertionError


def test_bad_json():
    try:
        Inner.parse_raw("{")
    except ValidationError as error:
        (one,) = error.errors()
        assert one["loc"] == ("__root__",) and one["type"] == "value_error.jsondecode" and one["ctx"]["lineno"] == 1
    else:
        raise AssertionError
