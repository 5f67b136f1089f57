"""TODO-room frames"""
