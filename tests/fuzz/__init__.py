"""Fuzzing of the readers of files from outside: ``make fuzz``, and a short form in the suite."""
