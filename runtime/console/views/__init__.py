"""What each page of the console shows, as plain data."""
