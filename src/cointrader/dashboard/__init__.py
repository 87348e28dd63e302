"""The dashboard: a read-only look at a journal, served to a browser and to scripts.

It reads the journal and nothing else of a run; what a person asks for is sent to the running
process through the same socket that the command line uses.
"""
