"""Does what is deployed agree with the code? Nothing here needs Azure: the Bicep is parsed, the YAML is read."""
