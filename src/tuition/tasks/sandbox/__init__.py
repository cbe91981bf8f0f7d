"""Jinja in a sandbox: what a stranger's pattern may hold, and how much work it may do."""
