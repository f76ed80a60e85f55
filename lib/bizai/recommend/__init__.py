"""Recommenders: what would a user think of an item not yet rated, and what should be recommended to whom?"""

from .bayes import BayesianFactorization
from .content import ContentBased, Hybrid
from .evaluate import (
    Interval, ListQuality, Popular, RandomItems, bootstrap_interval, folds, mae, paired_difference, ranking, rmse,
    split, split_by_time,
)
from .factors import MatrixFactorization, SVDPlusPlus, gradient, objective, ridge_step
from .implicit import ImplicitALS
from .machine import FactorizationMachine, FactorizationRecommender
from .neighbours import Biases, ItemNeighbours, UserNeighbours, similarities
from .ratings import Ratings, Recommendation, Recommendations, Recommender

__all__ = ["Ratings", "Recommendation", "Recommender"]
__all__ += ["Interval", "ListQuality", "Popular", "RandomItems", "bootstrap_interval", "folds", "mae"]
__all__ += ["paired_difference", "ranking", "rmse", "split", "split_by_time"]
__all__ += ["Biases", "ItemNeighbours", "MatrixFactorization", "Recommendations", "SVDPlusPlus", "UserNeighbours"]
__all__ += ["gradient", "objective", "ridge_step", "similarities"]
__all__ += ["BayesianFactorization"]
__all__ += ["ContentBased", "FactorizationMachine", "FactorizationRecommender", "Hybrid", "ImplicitALS"]
