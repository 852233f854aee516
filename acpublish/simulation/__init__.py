"""Rehearsals of a rollout: software devices that live through days of fleet time in seconds."""
