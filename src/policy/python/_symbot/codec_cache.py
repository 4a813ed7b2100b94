"""Codecs that are written in Python, used once so that the interpreter knows them: loaded for files that may need them."""

for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"):
    "x".encode(name).decode(name)
