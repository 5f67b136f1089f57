"""Builders: files and settings to arrays ready for kernels."""
