"""Attacks on a real server, and what an honest client notices of them."""
