"""The fleet: what is known of each device, what each one gets, and when a release is stopped."""
