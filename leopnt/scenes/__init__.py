"""TODO-room scenes"""
