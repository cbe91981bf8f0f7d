"""What several readers share: text, JSON and YAML files with line numbers, rules for tasks, and findings."""
