//! Carries out the host calls of handlers: what `policy::host` declares, and nothing else.
