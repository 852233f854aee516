"""Publishing, the use case: version source, stamp, checks, plan, put."""
