"""Files of recorded bars as others give them away: recognised by content, dated, or refused."""
