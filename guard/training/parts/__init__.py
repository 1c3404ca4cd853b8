"""What the score is made of, as fitting learns it; relations have a package of their own, mining."""
