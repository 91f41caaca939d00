"""What does a Flink session cluster do with a call? A stand-in for Flink, over HTTP.

    cluster     the cluster: jars, jobs, triggers, savepoints, and what really ran
    rest        Flink's REST API on a real socket, as far as the app speaks it

    measured of Flink                                                   on               here
    ------------------------------------------------------------------  ---------------  ----------------------------
    an id is taken once, also a cancelled one; a repeat is a 400        2.3.0            `run`
    a savepoint that is missing, or does not fit, is a 400, and leaves  1.17.2 to 2.3.0  `run`, a jar with Refused
    a FAILED entry under that id
    a main() that throws is a 400 as well, and leaves nothing           1.20.1, 2.1.0    `run`, a jar with Throws
    two stops with different trigger ids: both fail and the job         1.20.1: 10 of    `stop`, and noted as wrong
    restarts (now and then one of them stops it)                        12; 2.1.0: 6
    the same trigger id again is the same stop                          24 of 24         `stop`
    a stop of an unknown or finished job is a 202, and fails when       1.17.2 to 2.3.0  `stop`
    asked
    a crash loop: RUNNING and RESTARTING, `counts.restored` grows       2.3.0            a jar with the class Loops
    checkpoints and savepoints count on from the same number            1.17.2 to 2.3.0  `Job.newest`
    without web.submit.enable /jars is a 404, an upload a 400, and      2.3.0            `web_submit`
    /config says so
    a retained checkpoint outlives a cancel                             1.17.2 to 2.3.0  `cancel`

It is there because thousands of wire faults would take a day on a real one. What it cannot show (a slow main(), a
TaskManager that goes on alone, real state) tests/matrix and tests/flink show on a real Flink.
The rule that must never break: whatever is wrong in what was asked of it is noted in `wrong`, and stays there.
"""
