"""Stores of the fleet as each schema wrote them: what is written once must be readable for good."""
