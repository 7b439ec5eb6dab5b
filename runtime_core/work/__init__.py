"""What no answer waits for: jobs, tasks, queued messages."""
