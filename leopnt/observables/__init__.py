"""TODO-room observables"""
