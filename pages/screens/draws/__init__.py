"""The screens of plans and draws: plan, preview with its trade, publish, receipt."""
