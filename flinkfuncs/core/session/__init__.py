"""The tables of a session cluster: what is seen, and what to do next.

facts        what can be seen of a job there
blame        who is to blame for an exception
ends         how an operation ends, and how long things may take
savepoints   where savepoints lie, and which one is the newest after a stop
last_state   from which state a job goes on that was not stopped by us
namesakes    whether a job of this name that is not ours is in the way
adopting     whether a Flink job that runs already may become a job's copy
gate         the release check: may the old copy be touched for this release
verdicts     … and the words of its result
stopping     a stop, a savepoint or a cancel that was begun
inheriting   a stop that an earlier operation began
sending      whose jar has to be on the cluster next
proof        what proves a new copy
aftermath    what it committed, and the next step
rollback     what follows when it failed
starting     a start that was begun
ahead        which steps follow the first one that acts, for a plan
table        whether an operation may begin, and which of the above goes on
"""
