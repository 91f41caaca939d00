"""Is an operation right however the wire fails in it? Every fault at every outside call, on a stand-in for Flink.

    stand_in    a Flink session cluster in memory, which remembers what really ran
    rest        … speaking Flink's REST API
    breaker     a server through which one call goes wrong on a real socket
    wire        every call of the app crosses here, is written down, and perhaps sent through the breaker
    rows        the actions: what comes before, what is asked, what has to be true in the end
    lane        storage, a stand-in and a driver of its own, for one cell after the other
    cell        one cell: prepare, ask, fail, drive to the end, judge
    paused      a driver in a process of its own, which stops itself at a call

The rule that must never break: a cell whose fault was not met is never counted as right.
"""
