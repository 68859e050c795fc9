"""What is answered to the operator's commands, one module a subject."""
