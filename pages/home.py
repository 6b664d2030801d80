"""Home: what there is to do now."""

from pages.kit.guard import enter

page = enter()
