"""Does a test fail when the code breaks a promise? Small wrong edits, each made in a copy of the tree.

    mutations   the edits: what each breaks for a user, and the test that has to fail
    copies      copies of the tree, in which they are made
    __main__    makes them one by one and runs the tests that they name

The rule that must never break: an edit counts as caught only if a test ran and failed, never if nothing could be run.
"""
