"""The tables of a session cluster: what is seen, and what to do next.

facts        what can be seen of a job there
ends         how an operation ends, and how long things may take
savepoints   where savepoints are, and which one is the newest valid state
namesakes    whether a job of this name that is not ours is in the way
stopping     a stop, a savepoint or a cancel that was begun
starting     a start that was begun
table        whether an operation may begin, and which of the above goes on
"""
