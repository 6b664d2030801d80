"""Machine scores of conversations, an endpoint's or any vendor's from a file: kept in versions, checked, and used only
through the estimates that the reviewed sample corrects.
"""
