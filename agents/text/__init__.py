"""What the text agents share about sentences, figures, names, negation and drafts. Pure functions, no model."""
