"""Methods: each assembles the library for one way of positioning; none imports another."""
