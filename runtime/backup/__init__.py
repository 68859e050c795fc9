"""A book in one file, and a book out of one."""
