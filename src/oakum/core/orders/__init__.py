"""What approvers sign: a plan as the hosts themselves read it."""
