"""Where releases come from: each kind of source says what it offers; nobody else knows their protocols."""
