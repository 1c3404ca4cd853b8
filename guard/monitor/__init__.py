"""What an operator watches: figures for Prometheus."""

from guard.monitor.metrics import Exporter, Tally, exporter

__all__ = ["Exporter", "Tally", "exporter"]
