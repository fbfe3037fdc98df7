"""The language of `edm runs list --filter` and of `f`: MLflow's own, plus OR, NOT and parentheses.

text → grammar.parse → expressions → sql.select_runs → SQL on MLflow's tables

What MLflow accepts means here what it means there. Its quoting rules are those of sqlparse, which it reads filters
with, so the same sqlparse splits them here (grammar.py, clauses.py, ordering.py). Nothing here imports MLflow.
"""
