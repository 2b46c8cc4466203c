"""Final positions to rigid transforms."""
