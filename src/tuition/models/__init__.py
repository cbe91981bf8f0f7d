"""What learns: models and tokenizers, parts of prompts as tokens, and the exact sharing of prefixes."""
