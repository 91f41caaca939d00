"""The table of a cluster behind the ARM job API: what is seen, and what to do next.

row          what the API says of a job
seen         what can be seen for one operation, and how an operation ends or waits
beginning    whether an action may be sent, and what has to be done before
result       what came of an action that was sent
table        which of the two goes on
"""
