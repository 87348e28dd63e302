"""What happened, on disk: one writer, any number of readers."""
