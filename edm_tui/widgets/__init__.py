"""Widgets: they draw snapshots and send messages upwards."""
