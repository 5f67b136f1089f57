"""TODO-room noise"""
