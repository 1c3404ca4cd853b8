"""The protected model: the class that it predicts, as the detector computes it."""
