"""The doctor: examines a machine, a project and a live server, and names each problem.

It changes nothing. Each problem comes with the line to change or to run.
"""
