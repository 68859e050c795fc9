"""What the audit holds a journal against, one subject a file."""
