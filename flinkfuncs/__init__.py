"""Stateful Apache Flink jobs without a person at the console: an Azure Functions app."""
