"""How people grow: exams from the case library, newcomers' plans, grades as a ledger, and recognition.

`questions` makes questions of cases; `exams` draws papers, holds sittings and reads results.
"""
