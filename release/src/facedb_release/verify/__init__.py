"""What makes a release a good one."""
