"""The data set: its synthesis, annotations, checks and version."""
