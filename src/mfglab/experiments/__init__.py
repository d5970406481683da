"""What is measured: evaluation of trained models and closed-form studies."""
