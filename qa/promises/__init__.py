"""The promise ledger: what agents promised, what became of it by the data, and what people ruled.

`reading` puts promises and what happened afterwards together; `ledger` is what pages and files show; `ruling` is a
person's word against the data's.
"""
