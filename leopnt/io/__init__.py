"""TODO-room io"""
