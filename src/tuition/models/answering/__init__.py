"""Answers to the prompts of many tasks and adapters in one batch, each equal to what its task alone would give.

    results = answer_many(model, [AnswerRequest(prompts, end=..., new_tokens=32, adapter=slot), ...], bank=bank)

A cache has lanes and slots. A lane has one prefix, run once by one adapter and stored once; each of its slots has one
row behind that prefix. Bodies are run in passes over rows of like length, then a step runs one token of every slot, as
a CUDA graph where there are such. Rows that end are replaced by rows that wait: first by those of the same prefix,
and when a lane is empty, by those of the next prefix. Options are ranked behind the same lanes, as trees in one pass.

Read in this order: `requests` (what goes in and comes out), `answer_many`, `lane_plan` (which row is where),
`continuous` (the loop), `lane_model` (the passes), `lane_cache` and `lane_attention` (where keys and values are).
Models with other caches than plain attention, and beams, take the path of one request at a time (`one_request`).
"""
