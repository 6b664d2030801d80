"""Generated demo data: an invented shop with invented people, whose faults are known because they were planted."""
