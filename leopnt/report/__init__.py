"""TODO-room report"""
