"""Home: what there is to do now, for whoever looks."""

from pages.kit import today
from pages.kit.guard import enter

today.draw(enter())
