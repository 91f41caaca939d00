"""The kinds of cluster: each can look at a job and act one step on it."""
