"""What crash matrix and wire faults share: an operation is right whatever goes wrong at each call of the app.

    sites       what a call is called, so that ids do not matter
    calls       the calls of an operation, counted; which of them are cells
    ways_out    both ways out of a process, wrapped
    methods     the methods of the app's clients, each of which has to be crossed by a row
    rows        the actions: what comes before, what is asked, what has to be true in the end
    verdict     what may be said of a cell
    lanes       many cells on a few lanes at once, on new clouds every few minutes
    table       what is printed of cells
    command     the command line, from the rows to the exit code

    tests/matrix    kills the app's host around each call, on a real Flink; and the soak
    tests/faults    lets each call go wrong on the wire, and others write meanwhile, on the stand-in for Flink

Lane and Cell are two, since what runs in them has nothing in common: there a host of the app in a process that can be
killed, on a real Flink, judged by committed files; here a driver in this process, on a stand-in in memory that knows
what was asked of it. A cell has a row, a name and the calls that it is about (`verdict.Named`), and the rest is above.

The rule that must never break: a cell that was not brought about (its kill, its fault) is never counted as right.
"""
