"""Tables, figures, claims, provenance and audit."""
