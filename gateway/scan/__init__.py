"""Sans-io inspection of text: what it says under its disguises, and whether it gives orders."""
