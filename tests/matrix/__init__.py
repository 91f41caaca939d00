"""Is an operation right however the app dies in it? Kills at every outside call, on a real Flink.

    plan        where the app is to die, and whether a call is that place
    crossings   inside the app's host: each call of the app is counted, written down, and perhaps its last
    places      outside: the calls of a recorded run, and the cells that follow from them
    lane        a host of the app with storage of its own, on a cluster that lanes share
    trial       one job of the matrix: asking, looking, counting
    rows        how the rows of tests/harness are brought about here
    cell        one cell: prepare, ask, die, start again, judge
    matrix      all of them, on lanes
    table       the table that is printed and kept
    soak        many updates, killed at random

The rule that must never break: a cell in which the app was not killed is never counted as right.
"""
