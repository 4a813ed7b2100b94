"""Tracebacks as text. The standard module does more, but takes 8 MB and half of a worker's start with what it imports."""

CAUSES_MAX = 5
FRAMES_MAX = 40

# Frames of these say nothing about a test.
_TEST_MODULES = ("pytest", "unittest", "unittest.mock")

# Texts of the files that are being run, for their lines.
sources = {}


def text_of(error, file=None):
    """The traceback of an error and of what it was raised from; from the first frame of `file` on, without our machinery."""
    return "\n".join(_lines(error, file, CAUSES_MAX)) + "\n"


def _lines(error, file, causes):
    cause, context = error.__cause__, error.__context__
    if cause is not None and causes:
        yield from _lines(cause, file, causes - 1)
        yield "\nThe above exception was the direct cause of the following exception:\n"
    elif context is not None and not error.__suppress_context__ and causes:
        yield from _lines(context, file, causes - 1)
        yield "\nDuring handling of the above exception, another exception occurred:\n"
    frames = list(_frames(error.__traceback__, file))
    if frames:
        yield "Traceback (most recent call last):"
    for index, (name, line, function) in enumerate(frames):
        if len(frames) > FRAMES_MAX and FRAMES_MAX // 2 <= index < len(frames) - FRAMES_MAX // 2:
            if index == FRAMES_MAX // 2:
                yield f"  [{len(frames) - FRAMES_MAX} frames left out]"
            continue
        yield f'  File "{name}", line {line}, in {function}'
        text = line_of(name, line)
        if text:
            yield f"    {text}"
    if isinstance(error, SyntaxError) and error.lineno:
        yield f'  File "{error.filename}", line {error.lineno}'
        text = line_of(error.filename, error.lineno)
        if text:
            yield f"    {text}"
            indent = len(error.text or "") - len((error.text or "").lstrip())
            yield "    " + " " * max((error.offset or 1) - 1 - indent, 0) + "^"
    yield _last_line(error)
    for note in getattr(error, "__notes__", None) or ():
        yield str(note)


def _frames(steps, file):
    started = file is None
    while steps is not None:
        code = steps.tb_frame.f_code
        started = started or code.co_filename == file
        ours = code.co_filename.startswith(("_symbot.", "<frozen importlib")) or code.co_filename in _TEST_MODULES
        if started and not ours:
            yield code.co_filename, steps.tb_lineno, code.co_name
        steps = steps.tb_next


def line_of(name, number):
    lines = sources.get(name, "").splitlines()
    return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def _last_line(error):
    cls = type(error)
    name = cls.__qualname__
    if cls.__module__ not in ("builtins", "__main__", "impl"):
        name = f"{cls.__module__}.{name}"
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
    except BaseException:
        text = "<exception str() failed>"
    return f"{name}: {text}" if text else name
