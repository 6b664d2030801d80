"""The screens of the archive: filters, the list, one conversation, what can be begun with it."""
