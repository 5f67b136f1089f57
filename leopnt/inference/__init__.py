"""TODO-room inference"""
