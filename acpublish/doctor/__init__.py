"""The doctor: looks at a machine, a project and a live server, and names each trouble.

It changes nothing. Each finding of a trouble has the line to change.
"""

from acpublish.doctor.here import check_here
from acpublish.doctor.live import check_server
from acpublish.doctor.model import Finding, State

__all__ = ["Finding", "State", "check_here", "check_server"]
