"""What several readers use: files as text, JSON and YAML with places, rules for tasks, and findings."""
