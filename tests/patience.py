"""How long tests wait."""

PATIENCE_S = 240.0
"""What must come is waited for this long. Only what hangs takes longer, on a busy machine too."""
