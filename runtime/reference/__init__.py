"""Chapters of the docs that are written from the code itself: settings, facts, commands."""
