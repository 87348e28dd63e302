"""What every HTTP server of the house does alike."""
