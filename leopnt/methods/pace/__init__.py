"""Positioning-aided channel estimation: bounds, beams and rates of satellites that share users."""
