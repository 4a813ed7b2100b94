"""`symbot python FILE`: a script in the sandbox of implementation files."""

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
        own = dict(vars(builtins), __import__=imports.guarded_import)
        module.__dict__.update(__builtins__=own, __file__=found["file"])
        exec(_symbot_host.compile(found["source"], found["file"]), module.__dict__)


def run(request):
    output, errors = Stream(False), Stream(True)
    driver.begin({}, output)
    sys.stderr = errors
    sys.argv = [request["file"], *request["arguments"]]
    finder = Finder(request["modules"])
    sys.meta_path.insert(0, finder)
    imports.extra_roots.update(name.partition(".")[0] for name in finder.modules)
    module = driver.namespace(request["file"], "__main__")
    sys.modules["__main__"] = module
    file, source = request["file"], request["source"]
    tracebacks.sources[file] = source
    try:
        exec(_symbot_host.compile(source, file), module.__dict__)
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
