"""Model tiers behind langchain-openai: who is asked, what it costs at most, and every way a call can fail, as types."""

from agentos.models.cache import Cache, MemoryCache
from agentos.models.errors import ModelAnswerError, ModelPermanent, ModelTransient, UnknownPrice
from agentos.models.models import Models
from agentos.models.request import ModelAnswer, ModelEstimate, ModelPort, ModelRequest, ModelTier, Usage
from agentos.models.trial import Tried, try_call

__all__ = [
    "Cache",
    "MemoryCache",
    "ModelAnswer",
    "ModelAnswerError",
    "ModelEstimate",
    "ModelPermanent",
    "ModelPort",
    "ModelRequest",
    "ModelTier",
    "ModelTransient",
    "Models",
    "Tried",
    "UnknownPrice",
    "Usage",
    "try_call",
]
