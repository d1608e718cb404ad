"""What a generated platform hides: true probabilities, effects and counterfactual worlds."""
