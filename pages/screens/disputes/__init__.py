"""The screens of disputes."""
