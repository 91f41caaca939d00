"""A real Airflow against the local cloud, each part a process of its own: `make test-airflow`."""
