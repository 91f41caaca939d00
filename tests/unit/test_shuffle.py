"""Can a random order be repeated, and does it keep what belongs together?"""

from itertools import groupby

from tests.conftest import shuffled

TESTS = [f"{file}{number}" for file in "abcdef" for number in range(6)]


def order(seed: int) -> list[str]:
    """The tests in the order of a seed."""
    return shuffled(TESTS, seed, lambda test: test[0] in "abc", lambda test: test[0])


def test_a_seed_is_an_order() -> None:
    """The same one again, and others for other seeds."""
    assert order(7) == order(7)
    assert len({tuple(order(seed)) for seed in range(20)}) == 20


def test_the_tests_of_a_group_and_of_a_file_stay_together() -> None:
    """Every test runs once; the groups change places, the files within each, and the tests within each file."""
    for seed in range(20):
        assert sorted(order(seed)) == TESTS
        assert len([group for group, _ in groupby(order(seed), key=lambda test: test[0] in "abc")]) == 2
        assert len([file for file, _ in groupby(order(seed), key=lambda test: test[0])]) == 6
    assert len({tuple(file for file, _ in groupby(order(seed), key=lambda test: test[0])) for seed in range(20)}) > 10
    assert len({tuple(test for test in order(seed) if test[0] == "a") for seed in range(20)}) > 10
