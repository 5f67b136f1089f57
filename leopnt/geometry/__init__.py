"""TODO-room geometry"""
