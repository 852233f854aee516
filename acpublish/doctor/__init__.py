"""The doctor: looks at a machine, a project and a live server, and names each trouble.

It changes nothing. Each finding of a trouble has the line to change.
"""
