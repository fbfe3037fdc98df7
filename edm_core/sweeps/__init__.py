"""Sweeps: many trainings with other values of a few fields, chosen by Optuna, each a job and a child run of its own."""
