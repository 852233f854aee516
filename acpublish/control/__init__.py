"""The present of a fleet: its devices, rollouts and orders, for servers and for commands."""
