"""Studies that come with the package, as the YAML files that a user could have written."""

from pathlib import Path

DEMO = Path(__file__).with_name("demo.yaml")
