"""What must be true before money is traded."""
