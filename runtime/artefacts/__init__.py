"""What lies in the folder of models: seals, allowed files, the record of all trials."""
