"""A file for each view. Importing one computes nothing."""
