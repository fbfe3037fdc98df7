"""Screens of the interface; `base.py` says what they have in common."""
