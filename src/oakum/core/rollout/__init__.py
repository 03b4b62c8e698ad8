"""The rollout: its states, and the decision what to do next, taken without doing it."""
