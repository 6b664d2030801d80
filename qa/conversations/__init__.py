"""The whole archive, searched and read.

`folding` says when two texts are the same for a search; `segments` and `index` keep the search index; `matching` asks
it, or the archive where it cannot answer; `listing` has what conversations are filtered by; `finding` gives pages and
files of results, `reading` one conversation, `picking` puts it on an inspector's list.
"""
