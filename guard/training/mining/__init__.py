"""Relations mined from clean rows: kept, widened or dropped on rows that mining didn't see."""

from guard.training.mining.mine import MOST_RELATIONS, mine_relations
from guard.training.mining.promote import contract_text

__all__ = ["MOST_RELATIONS", "contract_text", "mine_relations"]
