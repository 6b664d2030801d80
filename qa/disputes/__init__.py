"""Disputes: the chat each belongs to, who answers for it, and the case told as one story.

The archive says what was imported and how it was joined; what a person settled about a dispute lies in the database and
is laid over the archive whenever disputes are read (`settled`). `responsible` says by which rule an agent answers for a
dispute, `listing` what is still to be settled, `settling` settles it.
"""
