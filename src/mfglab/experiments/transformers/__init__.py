"""Transformers as optimal control: trained, measured, corrupted, attacked."""
