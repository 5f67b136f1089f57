"""TODO-room methods"""
