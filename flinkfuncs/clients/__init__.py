"""The only code that talks: to storage, Flink, ARM and Key Vault."""
