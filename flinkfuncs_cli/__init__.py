"""The command line of the app, a client of its HTTP API and of its jars container, and no part of the app.

    __main__     the commands, and what becomes of errors
    reading      the commands that show something
    acting       the commands that change something, and wait
    deploying    deploy: the upload, and what became of it
    finding      … its operation, be it one of an earlier run of the same command
    planning     plan: what an upload or an action would do
    plans        … as text and as Markdown
    remarks      why, from which build, made of which commit
    following    one operation, step by step, to its end
    upload       a jar into the container, in blocks that a second try does not send again
    api          the HTTP API
    config       which app, and with what right: flag > environment > file
    console      what is written: data to stdout, everything else to stderr
    exits        the exit codes

It imports nothing of `flinkfuncs`, so that it installs without the app's libraries, and speaks to any version of the
app that has the routes: unknown fields of a reply are ignored.
"""
