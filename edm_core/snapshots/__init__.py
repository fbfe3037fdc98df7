"""Frozen dataclasses: what a store said at one moment. They import nothing of ours and nothing heavy."""
