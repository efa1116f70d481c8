"""The screens: one script each, which reads, calls one service, shows."""
