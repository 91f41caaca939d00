"""Is an operation right however the wire fails in it, and whoever else writes meanwhile? On a stand-in for Flink.

    breaker     a server through which one call goes wrong on a real socket
    wire        every call of the app crosses here, is written down, and perhaps sent through the breaker
    rows        how the rows of tests/harness are brought about here
    writers     who else writes to the job's record
    course      what a job comes through by rights, one operation after the other
    cells       which cells there are: one fault, one fault and somebody else, two faults
    lane        storage, a stand-in and a driver of its own, for one cell after the other
    cell        one cell: prepare, ask, fail, drive to the end, judge
    faults      all of them, on lanes, in one process for each core
    table       the tables that are printed and kept
    paused      a driver in a process of its own, which stops itself at a call

The rule that must never break: a cell whose fault was not met is never counted as right.
"""
