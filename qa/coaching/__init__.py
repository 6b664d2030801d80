"""Coaching: what a lead or team leader writes to an agent about a result or a case, the agent's answers, and what has
changed since.

`threads` holds who wrote what and who has to read it; `following` compares the reviews before and after.
"""
