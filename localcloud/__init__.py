"""The cloud on one machine: storage, Flink, Entra ID, Key Vault and a Functions host, for trying and testing.

It is never deployed, and it knows nothing of the app that it runs.
"""
