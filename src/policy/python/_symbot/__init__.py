"""What runs an implementation inside a worker; not importable from implementation files."""
