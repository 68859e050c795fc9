"""What the SentimentAgent knows of the world and how it says so."""
