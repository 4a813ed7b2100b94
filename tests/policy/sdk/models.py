import datetime
import enum
import typing
from typing import Dict, List, Optional, Union

from pydantic import BaseModel, Field, ValidationError, root_validator, validator


class Colour(str, enum.Enum):
    RED = "red"


class Inner(BaseModel):
    size: int = 1


class Outer(BaseModel):
    name: str
    count: int = 3
    inner: Optional[Inner]
    tags: List[str] = []
    colour: Colour = Colour.RED
    either: Union[int, str, None] = None
    table: Dict[str, int] = {}
    when: Optional[datetime.datetime] = None


def error_of(make):
    try:
        value = make()
    except ValidationError as error:
        assert isinstance(error, ValueError)
        return error
    raise AssertionError(f"accepted: {value!r}")


def test_conversion():
    one = Outer(name=5, count="7", inner={"size": "2"}, tags=("a", "b"), colour="red", either="x", table={"a": "1"})
    assert one.name == "5" and one.count == 7 and one.inner == Inner(size=2) and one.tags == ["a", "b"]
    assert one.colour is Colour.RED and one.either == "x" and one.table == {"a": 1}
    assert one.inner.size == 2 and one.when is None
    assert Outer(name="x", when="2026-01-02T03:04:05+00:00").when.year == 2026


def test_defaults_are_not_shared():
    first, second = Outer(name="a"), Outer(name="b")
    first.tags.append("x")
    assert second.tags == []


def test_errors_are_collected_with_places():
    error = error_of(lambda: Outer(count="many", tags=["a", None], inner={"size": "big"}))
    text = str(error)
    assert text.splitlines()[0] == "4 validation errors for Outer", text
    assert "name\n  field required (type=value_error.missing)" in text
    assert "count\n  value is not a valid integer (type=type_error.integer)" in text
    assert "inner -> size\n" in text
    assert {one["loc"] for one in error.errors()} == {("name",), ("count",), ("tags", 1), ("inner", "size")}


def test_none_is_not_allowed_where_it_is_not_optional():
    assert "none is not an allowed value" in str(error_of(lambda: Outer(name=None)))


def test_repr_str_eq_copy():
    one = Inner(size=4)
    assert repr(one) == "Inner(size=4)" and str(one) == "size=4"
    assert one == Inner(size=4) and one == {"size": 4} and one != Inner()
    assert one.copy(update={"size": 5}) == Inner(size=5)
    assert Outer(name="x", inner=one).dict()["inner"] == {"size": 4}
    assert Outer.parse_raw(Outer(name="x", inner=one).json()) == Outer(name="x", inner=one)
    assert Outer(name="x").dict(exclude_unset=True) == {"name": "x"}
    assert Outer(name="x").dict(include={"name"}) == {"name": "x"}


def test_validators():
    class Checked(BaseModel):
        low: int
        high: int
        label: str = "none"

        @validator("high")
        def above(cls, value, values):
            if "low" in values and value <= values["low"]:
                raise ValueError("must be above low")
            return value

        @validator("label", pre=True)
        def shout(cls, value):
            return str(value).upper()

        @root_validator
        def sum_is_small(cls, values):
            if values.get("low", 0) + values.get("high", 0) > 100:
                raise ValueError("too large together")
            return values

    assert Checked(low=1, high=2, label="x").label == "X"
    assert Checked(low=1, high=2).label == "none"
    assert "must be above low" in str(error_of(lambda: Checked(low=2, high=2)))
    assert "__root__\n  too large together" in str(error_of(lambda: Checked(low=2, high=200)))


def test_constraints_and_aliases():
    class Limited(BaseModel):
        few: List[int] = Field(..., min_items=1, max_items=2)
        text: str = Field("ab", min_length=2, max_length=3)
        number: int = Field(5, ge=1, lt=10)
        other: str = Field("x", alias="else")

    assert "at least 1 items" in str(error_of(lambda: Limited(few=[])))
    assert "at most 2 items" in str(error_of(lambda: Limited(few=[1, 2, 3])))
    assert "at most 3 characters" in str(error_of(lambda: Limited(few=[1], text="abcd")))
    assert "less than 10" in str(error_of(lambda: Limited(few=[1], number=10)))
    assert Limited(**{"few": [1], "else": "y"}).other == "y"


def test_config():
    class Strict(BaseModel):
        a: int

        class Config:
            extra = "forbid"
            allow_mutation = False

    assert "extra fields not permitted" in str(error_of(lambda: Strict(a=1, b=2)))
    try:
        Strict(a=1).a = 2
    except TypeError as error:
        assert "immutable" in str(error)
    else:
        raise AssertionError


def test_inheritance():
    class Child(Inner):
        extra: str = "e"
        size = 9

    assert Child().dict() == {"size": 9, "extra": "e"}
    assert isinstance(Child(), Inner) and list(Child.__fields__) == ["size", "extra"]
