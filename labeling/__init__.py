"""Groundwork's services: ask, answer, check, learn and compare on one project's log."""
