"""Everything that the runner knows, in tests that pass."""

import json
import sys
import unittest
from unittest import mock
from unittest.mock import ANY, MagicMock, Mock, PropertyMock, call, patch, sentinel

import pytest
from helper import double
from sym.sdk.integrations import slack

order = []


@pytest.fixture
def closing():
    order.append("open")
    yield 5
    order.append("close")


@pytest.fixture(name="twice")
def _twice(closing):
    return double(closing)


@pytest.fixture(scope="module")
def shared():
    return []


@pytest.fixture(autouse=True)
def counted():
    order.append("each")


def test_fixtures(twice, closing, from_conftest):
    assert twice == 10 and closing == 5 and from_conftest == "conftest"
    assert order == ["each", "open"]


def test_fixtures_are_closed(shared):
    assert order == ["each", "open", "close", "each"]
    shared.append(1)


def test_wide_fixtures_are_made_once(shared):
    assert shared == [1]


@pytest.mark.parametrize("left, right", [(1, 1), pytest.param(2, 2, id="two")])
@pytest.mark.parametrize("sign", ["+", "-"])
def test_combinations(left, right, sign):
    assert left == right and sign in "+-"


@pytest.mark.parametrize("value", [1, 2], ids=["one", "two"])
def test_ids(value):
    assert value


def test_raises():
    with pytest.raises(ValueError, match=r"bad \d") as info:
        raise ValueError("bad 5")
    assert info.value.args == ("bad 5",) and info.type is ValueError and info.match("5")
    assert pytest.raises(KeyError, {}.__getitem__, "x").value.args == ("x",)
    with pytest.raises((KeyError, ValueError)):
        raise KeyError
    with pytest.raises(AssertionError, match="DID NOT RAISE"):
        with pytest.raises(KeyError):
            pass
    with pytest.raises(AssertionError, match="Regex pattern did not match"):
        with pytest.raises(KeyError, match="a"):
            raise KeyError("b")
    with pytest.raises(OSError):
        with pytest.raises(KeyError):
            raise OSError
    with pytest.raises(pytest.fail.Exception, match="no"):
        pytest.fail("no")


def test_what_a_failed_assert_says():
    def said(statement):
        with pytest.raises(AssertionError) as info:
            statement()
        return str(info.value)

    def lists():
        assert [1, 2] == [1, 3], "differ"

    def dicts():
        assert {"a": 1, "b": 2} == {"a": 1, "c": 2}

    def texts():
        assert "a\nb" == "a\nc"

    def falsy():
        assert order and []

    def called():
        assert double(0)

    def turned():
        assert not [1]

    assert said(lists) == "differ\nassert [1, 2] == [1, 3]\n[1, 2] == [1, 3]\n  at index 1: 2 != 3"
    assert "only left: 'b': 2" in said(dicts) and "only right: 'c': 2" in said(dicts)
    assert "-c" in said(texts) and "+b" in said(texts)
    assert said(falsy) == "assert order and []"
    assert said(called) == "assert double(0)\n0 is not true"
    assert said(turned) == "assert not [1]\n[1] is true"


@pytest.mark.skip(reason="not now")
def test_skipped():
    raise AssertionError


@pytest.mark.skipif(True, reason="not here")
def test_skipped_on_condition():
    raise AssertionError


def test_skips_itself():
    pytest.skip("after all")


@pytest.mark.xfail(reason="known")
def test_known_to_fail():
    assert 1 == 2


@pytest.mark.anything
def test_other_marks_mean_nothing():
    pass


def test_capsys(capsys):
    print("out")
    print("err", file=sys.stderr)
    out, err = capsys.readouterr()
    assert (out, err) == ("out\n", "err\n") and capsys.readouterr().out == ""


def test_monkeypatch(monkeypatch):
    table = {"a": 1}
    monkeypatch.setattr(json, "dumps", lambda value: "patched")
    monkeypatch.setattr("json.loads", lambda text: "patched")
    monkeypatch.setitem(table, "b", 2)
    monkeypatch.delitem(table, "a")
    assert json.dumps(1) == json.loads("1") == "patched" and table == {"b": 2}
    monkeypatch.undo()
    assert json.dumps(1) == "1" and table == {"a": 1}


def test_approx():
    assert 0.1 + 0.2 == pytest.approx(0.3) and [0.1 + 0.2] == pytest.approx([0.3])
    assert 1.0 != pytest.approx(1.1) and 1.05 == pytest.approx(1, abs=0.1)


@patch("sym.sdk.integrations.slack.send_message")
def test_patch(send):
    slack.send_message("#a", "b")
    send.assert_called_once_with("#a", "b")
    with pytest.raises(AssertionError, match="expected call not found"):
        send.assert_called_with("#b", ANY)


@patch.object(slack, "mention", return_value="@bob")
@patch("sym.sdk.integrations.slack.user")
def test_patches_are_given_from_the_innermost(user, mention, closing):
    assert slack.user is user and slack.mention(1) == "@bob" and closing == 5


def test_patches_end():
    real = json.dumps
    with patch("json.dumps", side_effect=[ValueError("no"), 2]) as dumps, patch.dict(json.__dict__, {"added": 1}):
        with pytest.raises(ValueError):
            json.dumps(1)
        assert json.dumps(1) == 2 and dumps.call_args_list == [call(1), call(1)] and json.added == 1
    assert json.dumps is real and not hasattr(json, "added")
    with pytest.raises(AttributeError):
        patch("json.nothing").start()
    started = patch("json.dumps").start()
    assert json.dumps is started
    patch.stopall()
    assert json.dumps is real


def test_mocks():
    event = MagicMock()
    event.payload.fields = {"urgency": "Emergency"}
    event.user.get_event_count.return_value = 3
    assert event.payload.fields.get("urgency") == "Emergency" and event.user.get_event_count("request") == 3
    event.user.get_event_count.assert_called_once_with("request")
    assert event.mock_calls == [call.user.get_event_count("request")]
    event.__getitem__.return_value = 7
    event.__iter__.return_value = [1, 2]
    assert event["k"] == 7 and list(event) == list(event) == [1, 2] and len(event) == 0 and bool(event)
    with event as entered:
        assert entered is event.__enter__.return_value

    class Thing:
        size = 1

        def grow(self):
            return 2

    thing = Mock(spec=Thing)
    assert isinstance(thing, Thing) and thing.grow.called is False
    with pytest.raises(AttributeError):
        thing.shrink
    with patch.object(Thing, "size", new_callable=PropertyMock, return_value=9):
        assert Thing().size == 9
    assert Thing.size == 1 and Mock(wraps=Thing()).grow() == 2
    assert sentinel.a is sentinel.a and mock.sentinel.a is sentinel.a


class TestMethods:
    def setup_method(self):
        self.ready = True

    def test_method(self, closing):
        assert self.ready and closing == 5

    @pytest.mark.parametrize("value", [1, 2])
    def test_parametrized(self, value):
        assert value in (1, 2)


class Case(unittest.TestCase):
    def setUp(self):
        self.values = [1, 2]
        self.addCleanup(self.values.clear)

    def test_assertions(self):
        self.assertEqual(self.values, [1, 2])
        self.assertIn(1, self.values)
        self.assertIsNone(None)
        with self.assertRaises(KeyError) as context:
            {}["x"]
        self.assertEqual(context.exception.args, ("x",))
        with self.assertRaisesRegex(ValueError, "bad"):
            raise ValueError("bad")
        with self.assertRaisesRegex(AssertionError, "KeyError.* not raised"):
            with self.assertRaises(KeyError):
                pass

    @unittest.skip("not now")
    def test_skipped(self):
        raise AssertionError
