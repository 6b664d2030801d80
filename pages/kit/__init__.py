"""What several pages share: guard, widgets, figures and the desk component."""
