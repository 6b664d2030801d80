"""Import: choose a file, see what it is, check the columns, preview, import."""

from pages.kit.guard import enter
from pages.screens import ingest
from qa.policy import Right

ingest.draw(enter(Right.IMPORT))
