"""What tests stand on: rows of the archive, people, rules and draws, and the few small shops built from them.

`archive`, `people`, `rules`, `programme` and `transcripts` put single things in place; `shop`, `judged`, `learning`,
`desk` and `redlines` are whole shops. Nothing here asserts anything.
"""
