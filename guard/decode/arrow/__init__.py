"""Arrow IPC, read by guard's own code: none of a library's, and none that a host registers, runs on hostile bytes."""
