import pytest

from tuition.models.batches import IGNORED, collate, group_by_prefix
from tuition.models.tokens import TokenizedPrompt

A = TokenizedPrompt((1, 2), (3, 4, 5), (6, 9))
B = TokenizedPrompt((1, 2), (7,), (8, 9))


def test_rows_are_padded_at_the_left_and_targets_end_together() -> None:
    batch = collate([A, B])
    assert batch.prefix.tolist() == [1, 2]
    assert batch.rows.tolist() == [[3, 4, 5, 6, 9], [0, 0, 7, 8, 9]]
    assert batch.mask.tolist() == [[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]]
    assert batch.labels.tolist() == [[IGNORED] * 3 + [6, 9], [IGNORED] * 3 + [8, 9]]
    assert batch.targets == 4
    assert batch.logit_columns.tolist() == [2, 3]


def test_rows_can_be_padded_at_the_right() -> None:
    batch = collate([A, B], pad_right=True)
    assert batch.rows.tolist() == [[3, 4, 5, 6, 9], [7, 8, 9, 0, 0]]
    assert batch.mask.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
    assert batch.labels.tolist() == [[IGNORED] * 3 + [6, 9], [IGNORED, 8, 9, IGNORED, IGNORED]]
    assert batch.logit_columns.tolist() == [0, 1, 2, 3]


def test_without_targets_rows_are_bodies() -> None:
    batch = collate([A, B], with_target=False)
    assert batch.rows.tolist() == [[3, 4, 5], [0, 0, 7]]
    assert batch.targets == 0


def test_prompts_of_different_prefixes_make_no_batch() -> None:
    with pytest.raises(ValueError, match="one prefix"):
        collate([A, TokenizedPrompt((1,), (2,), (3,))])
    with pytest.raises(ValueError, match="at least one"):
        collate([])


def test_a_row_without_body_makes_no_batch() -> None:
    with pytest.raises(ValueError, match="body"):
        collate([TokenizedPrompt((1,), (), (3,))])


def test_groups_keep_the_order_in_which_prefixes_appear() -> None:
    other = TokenizedPrompt((5,), (1,), (2,))
    assert group_by_prefix([A, other, B, other]) == [[0, 2], [1, 3]]
