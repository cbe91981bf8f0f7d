"""Models and tokenizers: prompts as tokens, exact prefix sharing, generation, option ranking and tuners."""

import logging

# bitsandbytes, where it is installed, logs at import which CPU kernels it lacks, and peft imports it for every adapter.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
