"""Every booking of an account, kept, and reconciled with its wallet."""
