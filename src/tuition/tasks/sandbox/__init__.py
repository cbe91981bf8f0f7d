"""A Jinja sandbox: what an untrusted pattern may contain, and how much work it may do."""
