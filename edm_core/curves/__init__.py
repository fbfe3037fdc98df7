"""Curves of metrics, without a terminal and without a store: histories, axes, smoothing, drawing in braille, export."""
