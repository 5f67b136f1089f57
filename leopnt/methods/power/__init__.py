"""Position from the powers of the many beams of one satellite."""
