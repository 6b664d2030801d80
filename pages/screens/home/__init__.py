"""The home page: what there is to do now, and the lead's week."""
