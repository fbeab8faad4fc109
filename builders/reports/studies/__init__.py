"""The papers' experiments at a scale that anybody can run: one module per study.

Trainings are those of ``regenerate.sweeps``; a study says which functions, recipes and rates.
"""
