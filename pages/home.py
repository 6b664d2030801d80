"""Home: what there is to do now, for whoever looks."""

from pages.kit.guard import enter
from pages.screens.home import screen

screen.draw(enter())
