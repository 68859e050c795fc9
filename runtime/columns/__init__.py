"""Columns of a recorded run, and decisions made over them again by the compiled simulator."""

from runtime.columns.export import columns_of, export_columns
from runtime.columns.simulating import simulate_columns
from runtime.columns.table import Columns, load_columns

__all__ = ["Columns", "columns_of", "export_columns", "load_columns", "simulate_columns"]
