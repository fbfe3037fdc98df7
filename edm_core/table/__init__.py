"""The run table without a terminal: fields, values, order, groups, views and export. The screen and `edm` share it."""
