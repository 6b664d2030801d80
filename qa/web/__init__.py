"""The guarded web server: sign-in routes, the middleware that refuses strangers, health, and its start."""
