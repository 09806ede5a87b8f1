"""Figures as plotly's JSON, made of numbers that are already computed; plotly itself is never imported."""

from ethochat.tools.figures.colors import Style, column_styles, group_colors
from ethochat.tools.figures.comparison import comparison_figure, dose_figure, two_factor_figure
from ethochat.tools.figures.ethogram import Lane, ethogram_figure
from ethochat.tools.figures.export import FORMATS, write_figure, write_figures
from ethochat.tools.figures.forest import forest_figure
from ethochat.tools.figures.matrices import transition_matrix_figure
from ethochat.tools.figures.places import occupancy_figure, trajectory_figure
from ethochat.tools.figures.raters import agreement_figure
from ethochat.tools.figures.scatter import scatter_figure
from ethochat.tools.figures.series import time_bins_figure

__all__ = [
    "FORMATS",
    "Lane",
    "Style",
    "agreement_figure",
    "column_styles",
    "comparison_figure",
    "dose_figure",
    "ethogram_figure",
    "forest_figure",
    "group_colors",
    "occupancy_figure",
    "scatter_figure",
    "time_bins_figure",
    "trajectory_figure",
    "transition_matrix_figure",
    "two_factor_figure",
    "write_figure",
    "write_figures",
]
