"""Statistics of collections: the tables in which papers describe their tasks, computed for any collection."""

from tuition.tasks.statistics.categories import OTHER, count_categories, groups_of
from tuition.tasks.statistics.facts import TaskFacts, count_words, measure_task
from tuition.tasks.statistics.summary import CollectionFacts, summarize

__all__ = [
    "OTHER",
    "CollectionFacts",
    "TaskFacts",
    "count_categories",
    "count_words",
    "groups_of",
    "measure_task",
    "summarize",
]
