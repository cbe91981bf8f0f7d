"""Remote models on any OpenAI-compatible server: many requests at once, each paid for once, within a budget.

`answer_remotely` generates answers, `rank_remotely` ranks options; `parse_endpoint` parses `openai:NAME@URL`.
"""

from tuition.evaluation.remote.answers import RemoteAnswer, answer_questions, answer_remotely
from tuition.evaluation.remote.client import BudgetError, RemoteError
from tuition.evaluation.remote.cost import Budget, Ledger, Prices, Tokens, parse_budget
from tuition.evaluation.remote.endpoint import Endpoint, is_remote, parse_endpoint
from tuition.evaluation.remote.limits import Limits
from tuition.evaluation.remote.rank import RankQuestion, RemoteRankings, rank_questions, rank_remotely
from tuition.evaluation.remote.requests import Question, RequestEstimate, estimate_requests, guessed_tokens
from tuition.evaluation.remote.retries import Retrying

__all__ = [
    "Budget",
    "BudgetError",
    "Endpoint",
    "Ledger",
    "Limits",
    "Prices",
    "Question",
    "RankQuestion",
    "RemoteAnswer",
    "RemoteError",
    "RemoteRankings",
    "RequestEstimate",
    "Retrying",
    "Tokens",
    "answer_questions",
    "answer_remotely",
    "estimate_requests",
    "guessed_tokens",
    "is_remote",
    "parse_budget",
    "parse_endpoint",
    "rank_questions",
    "rank_remotely",
]
