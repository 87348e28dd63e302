"""The dashboard's pages, read from the journal, and its process."""
