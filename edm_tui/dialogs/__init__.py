"""Dialogs: each decides one thing, posts its message to the app, and goes."""
