def _module(name):
    return __import__(name, None, None, ["x"])


def test_documented_names_are_public_names():
    wrong = []
    for name, rows in MODULES:
        module = _module(name)
        documented = [one for one, _ in rows]
        public = getattr(module, "__all__", None) or [one for one in dir(module) if not one.startswith("_")]
        for one in sorted(set(public) ^ set(documented)):
            wrong.append(f"{name}.{one} is {'not documented' if one in public else 'documented, but not there'}")
        wrong.extend(f"{name}.{one} cannot be imported" for one in documented if not hasattr(module, one))
    assert not wrong, wrong


def test_every_module_is_documented():
    import enum

    documented = {name for name, _ in MODULES}
    for name, _ in MODULES:
        _module(name)
    loaded = {
        name
        for name in enum.sys.modules
        if name.partition(".")[0] in ("requests", "pydantic") or name.startswith("sym.sdk")
    }
    assert loaded == documented, loaded ^ documented


def test_functions_that_cannot_work_yet_are_documented_as_such_and_no_others():
    wrong = []
    for name, rows in MODULES:
        if name.startswith("sym.sdk.integrations."):
            for one, said in rows:
                code = getattr(getattr(_module(name), one), "__code__", None)
                if code is not None and ("_unavailable" in code.co_names) != (said == "not yet"):
                    wrong.append(f"{name}.{one} is documented as '{said}'")
    assert not wrong, wrong
