"""The handlers that the module being run has decorated, in order: (kind, function, field of a prefetch)."""

records = []


def record(kind, function, field=None):
    records.append((kind, function, field))
