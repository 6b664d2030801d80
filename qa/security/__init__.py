"""What protects an installation outside its database: keys, file modes, the security log."""
