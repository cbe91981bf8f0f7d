"""A collection of Super-NaturalInstructions' size: opening and drawing, against plain reading and `datasets`.

    python benchmarks/collections.py [--json] [--tasks 1616] [--rows 3106] [--drawn 757] [--repeats 3] [--folder DIR]

The collection is generated (2 to 3 GB, in a temporary folder that is removed in the end), task by task with lengths
and words of a test task of Super-NaturalInstructions, drawn anew. Each measurement is a process of its own, the sides
by turns; times are medians and leave the start of Python and its imports out; the files lie in the system's memory.
CPU seconds are those of all processors. Memory is the largest resident set, with that of every worker. The exit status
is 1 if any two sides disagree.
"""  # noqa: A005 - the name that the project's goals use

import sys

if __name__ == "collections":
    # Beside a benchmark that is run as a script, this file stands before the standard library's: step aside for that.
    import os

    _places = sys.path[:]
    sys.path[:] = [place for place in _places if os.path.abspath(place) != os.path.dirname(os.path.abspath(__file__))]
    del sys.modules["collections"]
    import collections  # noqa: F401

    sys.path[:] = _places
elif __name__ == "__main__":
    from _big_collection import main

    sys.exit(main(__doc__))
