"""Plans and draws: what will be inspected, published with a receipt anyone can check."""

from pages.kit.guard import enter
from pages.screens.draws import screen
from qa.policy import Right

screen.show(enter(Right.VIEW_DRAWS))
