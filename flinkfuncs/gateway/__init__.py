"""How does the app answer callers that were written for the ARM Flink job API of HDInsight on AKS?

    POST  …/clusterpools/{pool}/clusters/{cluster}/runJob     a request to the intake: 202, and where to look
    GET   …/clusterpools/{pool}/clusters/{cluster}/jobs       one row for each job
    GET   …/locations/{location}/operationStatuses/{id}       whether a runJob is over, not how it ended

    contract   api-versions, paths, errors, and how an operation's id travels in a URL
    bodies     what a runJob body asks for
    statuses   what is told of a runJob itself
    rows       what the list says of a job
    service    the three calls

What the real service answered is in tests/recordings; where it is known, it is answered here.
"""
