"""A collection of the size of Super-NaturalInstructions: opening and drawing, against `json.load` and `datasets`.

    python benchmarks/collections.py [--json] [--tasks 1616] [--rows 3106] [--drawn 757] [--repeats 3] [--folder DIR]

The collection is generated (2 to 3 GB, in a temporary folder that is removed at the end), task by task with lengths
and words resampled from a test task of Super-NaturalInstructions. Each measurement is a separate process, with the
implementations alternating; times are medians and exclude the start of Python and its imports; the files are in the
page cache. CPU seconds are those of all cores. Memory is the peak resident set size, summed over all workers. The exit
status is 1 if any two implementations disagree.
"""  # noqa: A005 - the name that the project's goals use

import sys

if __name__ == "collections":
    # When another benchmark is run as a script, this file shadows the standard library's module: import that instead.
    import os

    _places = sys.path[:]
    sys.path[:] = [place for place in _places if os.path.abspath(place) != os.path.dirname(os.path.abspath(__file__))]
    del sys.modules["collections"]
    import collections  # noqa: F401

    sys.path[:] = _places
elif __name__ == "__main__":
    from _big_collection import main

    sys.exit(main(__doc__))
