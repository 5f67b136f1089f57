"""TODO-room orbits"""
