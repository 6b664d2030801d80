"""Case files of red-line violations: their life cycle, their record, clocks and consequences."""
