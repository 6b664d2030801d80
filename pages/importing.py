"""Import: choose a file, see what it is, check the columns, preview, import."""

from pages.kit import importing
from pages.kit.guard import enter
from qa.policy import Right

importing.draw(enter(Right.IMPORT))
