"""The main job, end to end: a stateful Flink job goes through every action, and its output is counted outside Flink.

__main__    options, exit code
story       the steps, one line each
cloud       the cloud on one machine, the app's HTTP API, Flink's REST API
checks      what has to be true; whatever is not ends the demo
"""
