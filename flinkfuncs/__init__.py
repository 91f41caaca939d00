"""Stateful Apache Flink jobs without a person at the console: an Azure Functions app."""

__version__ = "0.1.0"
