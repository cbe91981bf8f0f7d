"""What learns: models and tokenizers, parts of prompts as tokens, and the exact sharing of prefixes."""

import logging

# bitsandbytes, where it is installed, says at import which CPU kernels it lacks, and peft imports it for every adapter.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
