"""`symbot python FILE`: a script in the sandbox of implementation files, and with `--test` the tests in it."""

import builtins
import sys
from _frozen_importlib import ModuleSpec

import _symbot_host

from . import driver, imports, tracebacks


class Stream(driver.Printed):
    """Output that is handed on as it comes."""

    def __init__(self, error):
        super().__init__()
        self._error = error

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        for start in range(0, len(text), driver.PRINTED_MAX_CHARACTERS):
            _symbot_host.output(text[start : start + driver.PRINTED_MAX_CHARACTERS], self._error)
        return len(text)


class Finder:
    """Finds the modules that were handed over with the script."""

    def __init__(self, modules):
        self.modules = {one["name"]: one for one in modules}

    def find_spec(self, name, path=None, target=None):
        found = self.modules.get(name)
        if found is None:
            return None
        return ModuleSpec(name, self, origin=found["file"], is_package=found["package"])

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        found = self.modules[module.__name__]
        tracebacks.sources[found["file"]] = found["source"]
        # Implementation files among them find what they use without importing it.
        own = dict(vars(builtins), __import__=imports.guarded_import, **driver.PREDEFINED)
        module.__dict__.update(__builtins__=own, __file__=found["file"])
        exec(_symbot_host.compile(found["source"], found["file"]), module.__dict__)


# The module of the script that is being run.
scope = None

# What scripts may import beside what implementation files may.
_FOR_SCRIPTS = ("pytest", "sys", "unittest")


def _is_run_as_tests(request):
    """Whether a script is a file of tests by its name, and does not say itself what running it means."""
    stem = request["file"].rpartition("/")[2].removesuffix(".py")
    return (stem.startswith("test_") or stem.endswith("_test")) and "__main__" not in request["source"]


def _compiled(request, testing):
    source, file = request["source"], request["file"]
    if testing or "pytest" in source or "unittest" in source:
        from . import assertions

        try:
            return compile(assertions.rewritten(source, file), file, "exec"), assertions.NAMES
        except SyntaxError:
            # Told by the compiler that all files go through, in its words.
            pass
    return _symbot_host.compile(source, file), {}


def run_tests(arguments):
    """Runs the tests of the script; the exit code."""
    from . import testing

    conftest = sys.modules.get("conftest")
    return testing.run(vars(scope), scope.__file__, arguments, vars(conftest) if conftest is not None else None)


def run(request):
    global scope
    output, errors = Stream(False), Stream(True)
    driver.begin({}, output)
    sys.stderr = errors
    sys.argv = [request["file"], *request["arguments"]]
    finder = Finder(request["modules"])
    sys.meta_path.insert(0, finder)
    imports.extra_roots.update(_FOR_SCRIPTS, (name.partition(".")[0] for name in finder.modules))
    file = request["file"]
    asked = request["tests"]
    testing = asked or _is_run_as_tests(request)
    name = file.rpartition("/")[2].removesuffix(".py") if asked else "__main__"
    scope = module = driver.namespace(file, name)
    sys.modules[name] = module
    tracebacks.sources[file] = request["source"]
    try:
        if asked and "conftest" in finder.modules:
            __import__("conftest")
        code, names = _compiled(request, testing)
        module.__builtins__.update(names)
        exec(code, module.__dict__)
        if asked:
            return run_tests(request["arguments"])
        if testing:
            from . import testing as runner

            if not runner.ran and runner.collect(module.__dict__):
                return run_tests(())
        return 0
    except SystemExit as ending:
        if ending.code is None or isinstance(ending.code, int):
            return int(ending.code or 0)
        print(ending.code, file=errors)
        return 1
    except BaseException as error:
        errors.write(tracebacks.text_of(error, file))
        return 1
    finally:
        driver.end()
