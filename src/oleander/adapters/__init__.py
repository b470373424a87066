"""The attacks in the conventions of other libraries, one file and one extra of this package each."""
