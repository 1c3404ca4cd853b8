"""What a detector does on labelled or clean rows: rates, recalls, figures."""
